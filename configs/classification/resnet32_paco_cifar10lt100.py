# ResNet-32 with parametric contrastive learning (PaCo) on CIFAR-10-LT, factor 100, in 400 epochs.
#     python tools/train.py configs/classification/resnet32_paco_cifar10lt100.py
# It contains the cross entropy, which is therefore left out. Without PaCo's network of averaged weights, as GPaCo; both
# views are compared, and the queue holds the second one. Weights and rates are those of released code.
# Measured, 6 epochs: docs/results.md.
_base_ = ['./resnet32_ce_cifar10lt100.py', '../_base_/heads/paco_cifar.py']
data_preprocessor = dict(augmentations=[], views=_base_.paco_views)
model = dict(head=_base_.paco_head)
optim_wrapper = dict(optimizer=dict(weight_decay=0.0005))
param_scheduler = [
    dict(type='LinearLR', start_factor=0.1, by_epoch=True, begin=0, end=10),
    dict(type='CosineAnnealingLR', by_epoch=True, T_max=390, eta_min=0, begin=10),
]
train_cfg = dict(max_epochs=400)
report = dict(method='PaCo')
