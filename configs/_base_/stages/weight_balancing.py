# Weight balancing: strong weight decay, then a second stage that keeps class vectors within a ball.
_base_ = '../schedules/second_stage_10e.py'
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
        extra_hooks=[
            dict(type='ltseg.TrainOnly', parameters=['head.fc']),
            dict(type='ltseg.MaxNorm', classifier='head.fc', ratio=0.1),
        ],
    ),
]
