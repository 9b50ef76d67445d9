# PaCo on CIFAR: two views, and its loss, which contains the cross entropy. Weights are those of released code.
paco_views = [
    [
        dict(type='ltseg.BatchRandomCrop', padding=4), dict(type='ltseg.BatchRandomFlip', prob=0.5),
        dict(type='ltseg.BatchAutoAugment'), dict(type='ltseg.BatchCutout', size=16),
    ],
    [dict(type='ltseg.BatchSimAugment')],
]
paco_head = dict(
    loss=dict(loss_weight=0.0),
    regularizers=[
        dict(
            type='ltseg.ParametricContrastiveLoss', temperature=0.05, alpha=0.01, counts='dataset', queue_size=1024,
            hidden_channels=64, out_channels=32),
    ])
