# ResNeXt-50 with MiSLAS on ImageNet-LT: mixup, then label-aware smoothing on balanced classes.
#     python tools/train.py configs/classification/resnext50_mislas_imagenetlt.py
# Not run by us. NCR paper, which copies numbers of ResNet-50: top-1 52.7, many 61.7, medium 51.3, few 35.8.
_base_ = './resnet50_mislas_imagenetlt.py'
model = dict(backbone=dict(type='ResNeXt', groups=32, width_per_group=4))
