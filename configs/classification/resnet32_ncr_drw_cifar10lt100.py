# ResNet-32 with regularizers of neural collapse beside deferred re-weighting (NC-DRW) on CIFAR-10-LT, factor 100.
#     python tools/train.py configs/classification/resnet32_ncr_drw_cifar10lt100.py
# A run of other length needs another start: --cfg-options custom_hooks.3.begin=24
# Measured, 30 epochs: docs/results.md. NCR paper: top-1 81.9.
_base_ = './resnet32_ce_drw_cifar10lt100.py'
model = dict(head=dict(regularizers=[
    dict(type='ltseg.WithinClassRegularizer', loss_weight=0.01),
    dict(type='ltseg.BetweenClassRegularizer', loss_weight=0.1),
]))
optim_wrapper = dict(optimizer=dict(weight_decay=0.0005))
