# ResNeXt-50 with cross entropy and RandAugment on ImageNet-LT.
#     python tools/train.py configs/classification/resnext50_ce_imagenetlt.py
# Not run by us.
_base_ = [
    '../_base_/models/resnext50.py', '../_base_/datasets/imagenet_lt_randaug.py',
    '../_base_/schedules/cosine_90e.py', '../_base_/runtime/classification.py',
]
