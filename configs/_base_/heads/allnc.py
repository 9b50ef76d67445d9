# The head of AllNC: two classified views, whose losses the paper adds up, which makes the weights 2; alpha = 1. The
# re-weighted loss is divided by the summed weights, where eq. 12 of the paper divides by the number of samples.
features_first = dict(shape='cumulative', unit='epoch', power=3.0)
classifier_later = dict(**features_first, complement=True)
allnc_head = dict(
    classified_views=(0, 1),
    loss=[
        dict(type='ltseg.CrossEntropyLoss', loss_weight=2.0, schedule=features_first),
        dict(type='ltseg.ReweightedLoss', scheme='generalized', loss_weight=2.0, schedule=classifier_later),
    ],
    regularizers=[
        dict(type='ltseg.PeerToPeerRegularizer', on='classifier', loss_weight=2.0, schedule=classifier_later),
        dict(type='ltseg.PeerToPeerRegularizer', on='means', loss_weight=1.0),
        dict(type='ltseg.HybridContrastiveLoss', loss_weight=1.0),
    ])
