# ResNet-32 with LDAM, re-weighted from epoch 160 on (DRW), on CIFAR-10-LT, factor 100.
#     python tools/train.py configs/classification/resnet32_ldam_drw_cifar10lt100.py
# A run of other length needs another start: --cfg-options custom_hooks.3.begin=24
# Measured, 30 epochs: docs/results.md.
_base_ = './resnet32_ldam_cifar10lt100.py'
custom_hooks = [*_base_.custom_hooks, dict(type='ltseg.DeferredRules', begin=160)]
