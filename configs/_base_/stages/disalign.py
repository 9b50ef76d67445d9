# DisAlign: a second stage calibrates the logits. The exponent rho is that of the ImageNet-LT recipe.
_base_ = '../schedules/second_stage_10e.py'
stages = [
    dict(name='representation'),
    dict(
        name='classifier',
        **_base_.second_stage,
        optim_wrapper=dict(optimizer=dict(lr=0.1, weight_decay=0.0005)),
        model=dict(head=dict(
            classifier=dict(type='ltseg.DisAlignClassifier'),
            loss=dict(_delete_=True, type='ltseg.ReweightedLoss', scheme='generalized', rho=1.2))),
        extra_hooks=[
            dict(
                type='ltseg.TrainOnly',
                parameters=['head.fc.logit_scale', 'head.fc.logit_bias', 'head.fc.confidence']),
        ],
    ),
]
