# ResNet-50 with cross entropy, re-weighted from epoch 160 on (DRW), on ImageNet-LT.
#     python tools/train.py configs/classification/resnet50_ce_drw_imagenetlt.py
# Not run by us. LWR poster, recipe unknown: top-1 47.6, many 57.6, medium 44.9, few 28.0.
_base_ = './resnet50_ce_imagenetlt.py'
custom_hooks = [*_base_.custom_hooks, dict(type='ltseg.DeferredRules', begin=160)]
