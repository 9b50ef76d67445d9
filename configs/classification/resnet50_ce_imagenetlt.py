# ResNet-50 with cross entropy on ImageNet-LT.
#     python tools/train.py configs/classification/resnet50_ce_imagenetlt.py
# Not run by us.
_base_ = [
    '../_base_/models/resnet50.py', '../_base_/datasets/imagenet_lt.py',
    '../_base_/schedules/cosine_200e.py', '../_base_/runtime/classification.py',
]
