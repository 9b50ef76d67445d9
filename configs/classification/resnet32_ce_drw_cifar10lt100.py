# ResNet-32 with cross entropy, re-weighted from epoch 160 on (DRW), on CIFAR-10-LT, factor 100.
#     python tools/train.py configs/classification/resnet32_ce_drw_cifar10lt100.py
# A run of other length needs another start: --cfg-options custom_hooks.3.begin=24
# Not measured.
_base_ = './resnet32_ce_cifar10lt100.py'
custom_hooks = [*_base_.custom_hooks, dict(type='ltseg.DeferredRules', begin=160)]
