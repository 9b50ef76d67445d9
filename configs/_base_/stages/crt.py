# cRT: a second stage draws the classifier anew and trains it alone on balanced classes. The rate is that of the
# ImageNet-LT recipe, 0.2 for 512 images, scaled to 128.
_base_ = '../schedules/second_stage_10e.py'
stages = [
    dict(name='representation'),
    dict(
        name='classifier',
        **_base_.second_stage,
        optim_wrapper=dict(optimizer=dict(lr=0.05, weight_decay=0.0005)),
        train_dataloader=dict(sampler=dict(_delete_=True, type='ltseg.ClassBalancedSampler')),
        extra_hooks=[dict(type='ltseg.TrainOnly', parameters=['head.fc'], reinitialize=['head.fc'])],
    ),
]
