# The dense head of AllNC: one view, and so half of the weights of two; alpha = 1.
features_first = dict(shape='cumulative', power=3.0)
classifier_later = dict(**features_first, complement=True)
allnc_head = dict(
    loss_decode=[
        dict(type='ltseg.CrossEntropyLoss', schedule=features_first),
        dict(type='ltseg.ReweightedLoss', scheme='generalized', schedule=classifier_later),
    ],
    regularizers=[
        dict(type='ltseg.PeerToPeerRegularizer', on='classifier', schedule=classifier_later),
        dict(type='ltseg.PeerToPeerRegularizer', on='means', loss_weight=0.5),
        dict(type='ltseg.HybridContrastiveLoss', loss_weight=0.5),
    ])
