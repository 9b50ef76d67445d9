# ResNet-32 with global and local mixture consistency (GLMC) on CIFAR-10-LT, factor 100.
#     python tools/train.py configs/classification/resnet32_glmc_cifar10lt100.py
# The recipe of released code, whose network has four times as many channels: backbone=dict(base_channels=64).
# Measured, 6 epochs: docs/results.md. AllNC paper: top-1 87.75.
_base_ = ['./resnet32_ce_cifar10lt100.py', '../_base_/heads/glmc.py']
augmentations = [dict(type='ltseg.BatchRandomCrop', padding=4), dict(type='ltseg.BatchRandomFlip', prob=0.5)]
data_preprocessor = dict(augmentations=[], views=[augmentations, augmentations])
model = dict(
    head=_base_.glmc_head,
    auxiliary_head=dict(_base_.model.head, **_base_.glmc_auxiliary_head),
    train_cfg=dict(augments=[dict(type='ltseg.GlobalLocalMixture')]))
train_dataloader = dict(batch_size=64)
optim_wrapper = dict(optimizer=dict(lr=0.01, weight_decay=0.005))
param_scheduler = [
    dict(type='LinearLR', start_factor=0.1, by_epoch=True, begin=0, end=10),
    dict(type='CosineAnnealingLR', by_epoch=True, T_max=190, eta_min=0, begin=10),
]
report = dict(method='GLMC')
