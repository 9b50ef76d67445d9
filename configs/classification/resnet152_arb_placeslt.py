# Frozen ResNet-152 and a trained block with ARB-Loss under counts of the data set, and mixup, on Places-LT.
#     python tools/train.py configs/classification/resnet152_arb_placeslt.py
# Not run by us. ARB paper, which says ResNet-50: top-1 39.7, many 41.9, medium 41.5, few 32.1.
_base_ = './resnet50_arb_placeslt.py'
weights = 'https://download.openmmlab.com/mmclassification/v0/resnet/resnet152_8xb32_in1k_20210901-4d7582fa.pth'
model = dict(backbone=dict(depth=152, init_cfg=dict(checkpoint=weights)))
