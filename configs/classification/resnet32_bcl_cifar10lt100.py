# ResNet-32 with balanced contrastive learning (BCL) on CIFAR-10-LT, factor 100.
#     python tools/train.py configs/classification/resnet32_bcl_cifar10lt100.py
# The first of three views is classified, the others are compared.
# Measured, 30 epochs: docs/results.md. BCL paper: top-1 84.32.
_base_ = './resnet32_ce_cifar10lt100.py'
data_preprocessor = dict(
    augmentations=[],
    views=[
        [
            dict(type='ltseg.BatchRandomCrop', padding=4), dict(type='ltseg.BatchRandomFlip', prob=0.5),
            dict(type='ltseg.BatchAutoAugment'), dict(type='ltseg.BatchCutout', size=16),
        ],
        [dict(type='ltseg.BatchSimAugment')],
        [dict(type='ltseg.BatchSimAugment')],
    ])
model = dict(head=dict(
    classifier=dict(type='ltseg.CosineClassifier', scale=30.0),
    loss=dict(_delete_=True, type='ltseg.LogitAdjustedLoss', loss_weight=2.0),
    regularizers=[
        dict(type='ltseg.BalancedContrastiveLoss', temperature=0.1, views=(1, 2), loss_weight=0.6),
    ]))
train_dataloader = dict(batch_size=256)
optim_wrapper = dict(optimizer=dict(lr=0.15, weight_decay=0.0005))
