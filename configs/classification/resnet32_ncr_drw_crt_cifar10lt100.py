# ResNet-32 with NC-DRW, then a new classifier on balanced classes (NC-DRW-cRT), on CIFAR-10-LT, factor 100.
#     python tools/train.py configs/classification/resnet32_ncr_drw_crt_cifar10lt100.py
# The classifier's rate is that of cRT.
# Not measured. NCR paper: top-1 82.6.
_base_ = ['./resnet32_ncr_drw_cifar10lt100.py', '../_base_/schedules/second_stage_10e.py']
stages = [
    dict(name='representation'),
    dict(
        name='classifier',
        **_base_.second_stage,
        optim_wrapper=dict(optimizer=dict(lr=0.05, weight_decay=0.0005)),
        train_dataloader=dict(sampler=dict(_delete_=True, type='ltseg.ClassBalancedSampler')),
        model=dict(head=dict(regularizers=[])),
        custom_hooks=[
            *_base_.custom_hooks[:-1],  # without DRW
            dict(type='ltseg.TrainOnly', parameters=['head.fc'], reinitialize=['head.fc']),
        ],
    ),
]
