# ResNet-50 with the focal loss, re-weighted from epoch 160 on (DRW), on ImageNet-LT.
#     python tools/train.py configs/classification/resnet50_focal_drw_imagenetlt.py
# Not run by us. ARB paper: top-1 47.9.
_base_ = './resnet50_focal_imagenetlt.py'
custom_hooks = [*_base_.custom_hooks, dict(type='ltseg.DeferredRules', begin=160)]
