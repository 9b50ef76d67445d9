# SSP: a first stage learns by which angle an image was turned, without labels; the second one is the training run of the
# config, from these weights.
stages = [
    dict(
        name='rotations',
        model=dict(type='ltseg.RotationClassifier'),
        val_dataloader=None,
        val_cfg=None,
        val_evaluator=None,
    ),
    dict(name='labels'),
]
