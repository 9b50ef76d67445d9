# ResNeXt-50 with balanced contrastive learning (BCL) on ImageNet-LT.
#     python tools/train.py configs/classification/resnext50_bcl_imagenetlt.py
# Not run by us. BCL paper: top-1 56.7, many 67.2, medium 53.9, few 36.5.
_base_ = './resnet50_bcl_imagenetlt.py'
model = dict(backbone=dict(type='ResNeXt', groups=32, width_per_group=4))
