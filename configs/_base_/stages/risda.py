# RISDA after cross entropy: a last fifth of training measures the classes, and trains the classifier alone with features
# of rare classes that vary as those of the classes they are taken for, under class-balanced weights. Lengths, rates and
# strengths are those of released code for CIFAR.
_base_ = '../schedules/last_fifth.py'
stages = [
    dict(name='representation', **_base_.first_stage),
    dict(
        name='classifier',
        **_base_.last_stage,
        model=dict(head=dict(loss=dict(
            _delete_=True, type='ltseg.RISDALoss', rules=[dict(type='ltseg.Weighting', scheme='effective_number')]))),
        extra_hooks=[
            dict(type='ltseg.TrainOnly', parameters=['head.fc']),
            dict(type='ltseg.MeasureClasses'),
        ],
    ),
]
