# ResNet-32 as a hybrid network with supervised contrast (Hybrid-SC) on CIFAR-10-LT, factor 100.
#     python tools/train.py configs/classification/resnet32_hybrid_sc_cifar10lt100.py
# The weight of the contrast falls as 1 - (T / T_max)^2 while that of cross entropy rises. Both see the same two views of
# a batch, where the paper draws one for each. The warm-up is the ARB paper's.
# Measured, 6 epochs: docs/results.md. BCL paper: top-1 81.40.
_base_ = './resnet32_ce_cifar10lt100.py'
view = [
    dict(type='ltseg.BatchRandomCrop', padding=4), dict(type='ltseg.BatchRandomFlip', prob=0.5),
    dict(type='ltseg.BatchRandomGrayscale', prob=0.2),
]
data_preprocessor = dict(augmentations=[], views=[view, view])
model = dict(head=dict(
    classified_views=[0, 1],
    loss=dict(schedule=dict(shape='cumulative', unit='epoch', complement=True)),
    regularizers=[
        dict(
            type='ltseg.SupervisedContrastiveLoss', temperature=0.1,
            schedule=dict(shape='cumulative', unit='epoch')),
    ]))
train_dataloader = dict(batch_size=512)
optim_wrapper = dict(optimizer=dict(lr=0.5, weight_decay=0.0001))
param_scheduler = [
    dict(type='LinearLR', start_factor=0.2, by_epoch=True, begin=0, end=5),
    dict(type='MultiStepLR', by_epoch=True, milestones=[120, 160], gamma=0.1),
]
