# The heads of GLMC: two classified views, whose losses the paper adds up, which makes the weights 2. The auxiliary head
# learns from labels as they are, with a weight that falls from 1 to 0, the head that predicts from re-weighted ones.
labels_first = dict(shape='cumulative', unit='epoch')
glmc_auxiliary_head = dict(
    classified_views=(0, 1),
    loss=dict(type='ltseg.CrossEntropyLoss', loss_weight=2.0, schedule=labels_first))
glmc_head = dict(
    classified_views=(0, 1),
    loss=dict(
        _delete_=True, type='ltseg.ReweightedLoss', scheme='generalized', rho=1.2, average='count', loss_weight=2.0,
        schedule=dict(**labels_first, complement=True)),
    regularizers=[dict(type='ltseg.MixtureConsistencyRegularizer', loss_weight=4.0)])
