# ResNeXt-50 with cross entropy and mixup, re-weighted from epoch 160 on (DRW), on ImageNet-LT.
#     python tools/train.py configs/classification/resnext50_ce_drw_imagenetlt.py
# Not run by us. NCR paper: top-1 46.4, many 52.6, medium 45.7, few 31.5.
_base_ = './resnext50_ce_mixup_imagenetlt.py'
custom_hooks = [*_base_.custom_hooks, dict(type='ltseg.DeferredRules', begin=160)]
