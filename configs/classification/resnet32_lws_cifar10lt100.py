# ResNet-32 with LWS on CIFAR-10-LT, factor 100: cross entropy, then a scale for each class.
#     python tools/train.py configs/classification/resnet32_lws_cifar10lt100.py
# The scales' rate is the ImageNet-LT recipe's 0.2 for 512 images, scaled to 128.
# Not measured.
_base_ = ['./resnet32_ce_cifar10lt100.py', '../_base_/schedules/second_stage_10e.py']
stages = [
    dict(name='representation'),
    dict(
        name='classifier',
        **_base_.second_stage,
        optim_wrapper=dict(optimizer=dict(lr=0.05, weight_decay=0.0005)),
        train_dataloader=dict(sampler=dict(_delete_=True, type='ltseg.ClassBalancedSampler')),
        model=dict(head=dict(classifier=dict(type='ltseg.LearnableScaleClassifier'))),
        custom_hooks=[*_base_.custom_hooks, dict(type='ltseg.TrainOnly', parameters=['head.fc.scale'])],
    ),
]
