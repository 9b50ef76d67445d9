# MetaSAug with LDAM after cross entropy: the last fifth of training augments features by covariances that meta steps on
# balanced batches correct, under LDAM's margins and class-balanced weights. Lengths, rates and the strength are those of
# released code for CIFAR.
_base_ = '../schedules/last_fifth.py'
rules = [dict(type='ltseg.Margin', max_margin=0.5), dict(type='ltseg.Weighting', scheme='effective_number')]
stages = [
    dict(name='representation', **_base_.first_stage),
    dict(
        name='augmentation',
        **_base_.last_stage,
        model=dict(head=dict(loss=dict(
            _delete_=True, type='ltseg.ISDALoss', strength=0.75, ramp=(0.8, 1.0), rules=rules))),
        extra_hooks=[dict(type='ltseg.MetaCovariances')],
    ),
]
