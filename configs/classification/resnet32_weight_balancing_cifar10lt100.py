# ResNet-32 with weight balancing on CIFAR-10-LT, factor 100: strong weight decay, then class vectors within a ball.
#     python tools/train.py configs/classification/resnet32_weight_balancing_cifar10lt100.py
# Not measured.
_base_ = ['./resnet32_ce_cifar10lt100.py', '../_base_/schedules/second_stage_10e.py']
stages = [
    dict(
        name='representation',
        optim_wrapper=dict(optimizer=dict(lr=0.01, weight_decay=0.005)),
        param_scheduler=[dict(type='CosineAnnealingLR', by_epoch=True, T_max=200, convert_to_iter_based=True)]),
    dict(
        name='classifier',
        **_base_.second_stage,
        optim_wrapper=dict(optimizer=dict(lr=0.01, weight_decay=0.1)),
        model=dict(head=dict(loss=dict(_delete_=True, type='ltseg.ClassBalancedLoss'))),
        custom_hooks=[
            *_base_.custom_hooks,
            dict(type='ltseg.TrainOnly', parameters=['head.fc']),
            dict(type='ltseg.MaxNorm', classifier='head.fc', ratio=0.1),
        ],
    ),
]
