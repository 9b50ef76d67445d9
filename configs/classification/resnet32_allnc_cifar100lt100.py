# ResNet-32 with all-around neural collapse (AllNC) on CIFAR-100-LT, factor 100.
#     python tools/train.py configs/classification/resnet32_allnc_cifar100lt100.py
# Ours, as the paper is silent: alpha 1, exponent 1 of the re-weighting, the steps of the learning rate.
# Not measured. AllNC paper: top-1 56.63.
_base_ = './resnet32_ce_cifar100lt100.py'
features_first = dict(shape='cumulative', unit='epoch', power=3.0)
classifier_later = dict(**features_first, complement=True)
augmentations = [
    dict(type='ltseg.BatchRandomCrop', padding=4), dict(type='ltseg.BatchRandomFlip', prob=0.5),
    dict(type='ltseg.BatchRandAugment'),
]
data_preprocessor = dict(augmentations=[], views=[augmentations, augmentations])
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
train_dataloader = dict(batch_size=64)
optim_wrapper = dict(optimizer=dict(lr=0.01, weight_decay=0.005))
