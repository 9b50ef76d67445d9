# RISDA after cross entropy: a last fifth of training measures the classes, and trains the classifier alone with features
# of rare classes that vary as those of the classes they are taken for, under class-balanced weights. Lengths, rates and
# strengths are those of released code for CIFAR.
stages = [
    dict(
        name='representation',
        train_cfg=dict(max_epochs=160),
        param_scheduler=[dict(type='LinearLR', start_factor=0.2, by_epoch=True, begin=0, end=5)]),
    dict(
        name='classifier',
        train_cfg=dict(max_epochs=40),
        optim_wrapper=dict(optimizer=dict(lr=0.001)),
        param_scheduler=[dict(type='MultiStepLR', by_epoch=True, milestones=[20], gamma=0.01)],
        model=dict(head=dict(loss=dict(
            _delete_=True, type='ltseg.RISDALoss', rules=[dict(type='ltseg.Weighting', scheme='effective_number')]))),
        extra_hooks=[
            dict(type='ltseg.TrainOnly', parameters=['head.fc']),
            dict(type='ltseg.MeasureClasses'),
        ],
    ),
]
