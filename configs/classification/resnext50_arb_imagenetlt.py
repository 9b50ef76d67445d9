# ResNeXt-50 with ARB-Loss under counts of the data set, and mixup, on ImageNet-LT.
#     python tools/train.py configs/classification/resnext50_arb_imagenetlt.py
# Not run by us. NCR paper, which copies numbers of ResNet-50: top-1 52.8, many 60.2, medium 51.8, few 38.3.
_base_ = './resnet50_arb_imagenetlt.py'
model = dict(backbone=dict(type='ResNeXt', groups=32, width_per_group=4))
