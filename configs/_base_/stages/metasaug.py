# MetaSAug with LDAM after cross entropy: the last fifth of training augments features by covariances that meta steps on
# balanced batches correct, under LDAM's margins and class-balanced weights. Lengths, rates and the strength are those of
# released code for CIFAR.
rules = [dict(type='ltseg.Margin', max_margin=0.5), dict(type='ltseg.Weighting', scheme='effective_number')]
stages = [
    dict(
        name='representation',
        train_cfg=dict(max_epochs=160),
        param_scheduler=[dict(type='LinearLR', start_factor=0.2, by_epoch=True, begin=0, end=5)]),
    dict(
        name='augmentation',
        train_cfg=dict(max_epochs=40),
        optim_wrapper=dict(optimizer=dict(lr=0.001)),
        param_scheduler=[dict(type='MultiStepLR', by_epoch=True, milestones=[20], gamma=0.01)],
        model=dict(head=dict(loss=dict(
            _delete_=True, type='ltseg.ISDALoss', strength=0.75, ramp=(0.8, 1.0), rules=rules))),
        extra_hooks=[dict(type='ltseg.MetaCovariances')],
    ),
]
