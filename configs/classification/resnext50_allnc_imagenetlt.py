# ResNeXt-50 with all-around neural collapse (AllNC) on ImageNet-LT.
#     python tools/train.py configs/classification/resnext50_allnc_imagenetlt.py
# Ours, as the paper is silent: alpha 1, exponent 1 of the re-weighting, gamma 3, 90 epochs on a cosine.
# Not run by us. AllNC paper: top-1 56.5, many 68.0, medium 54.5, few 32.6.
_base_ = [
    '../_base_/models/resnext50.py', '../_base_/datasets/imagenet_lt_two_views.py',
    '../_base_/schedules/cosine_90e.py', '../_base_/runtime/classification.py',
]
features_first = dict(shape='cumulative', unit='epoch', power=3.0)
classifier_later = dict(**features_first, complement=True)
# Weights of 2, because the paper adds up the losses of both views.
model = dict(head=dict(
    classified_views=(0, 1),
    loss=[
        dict(type='ltseg.CrossEntropyLoss', loss_weight=2.0, schedule=features_first),
        dict(type='ltseg.ReweightedLoss', scheme='generalized', loss_weight=2.0, schedule=classifier_later),
    ],
    regularizers=[
        dict(type='ltseg.PeerToPeerRegularizer', on='classifier', loss_weight=2.0, schedule=classifier_later),
        dict(type='ltseg.PeerToPeerRegularizer', on='means', loss_weight=1.0),
        dict(type='ltseg.HybridContrastiveLoss', loss_weight=1.0),
    ]))
optim_wrapper = dict(optimizer=dict(weight_decay=0.0002))
