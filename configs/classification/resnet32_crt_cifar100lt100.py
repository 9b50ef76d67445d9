# ResNet-32 with cRT on CIFAR-100-LT, factor 100: cross entropy, then a new classifier on balanced classes.
#     python tools/train.py configs/classification/resnet32_crt_cifar100lt100.py
# The classifier's rate is the ImageNet-LT recipe's 0.2 for 512 images, scaled to 128.
# Not measured.
_base_ = ['./resnet32_ce_cifar100lt100.py', '../_base_/schedules/second_stage_10e.py']
stages = [
    dict(name='representation'),
    dict(
        name='classifier',
        **_base_.second_stage,
        optim_wrapper=dict(optimizer=dict(lr=0.05, weight_decay=0.0005)),
        train_dataloader=dict(sampler=dict(_delete_=True, type='ltseg.ClassBalancedSampler')),
        custom_hooks=[
            *_base_.custom_hooks,
            dict(
                type='ltseg.TrainOnly',
                parameters=['head.fc'],
                reinitialize=['head.fc']),
        ],
    ),
]
