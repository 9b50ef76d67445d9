# ResNet-152 with ARB-Loss under counts of the data set, and mixup, on iNaturalist 2018.
#     python tools/train.py configs/classification/resnet152_arb_inaturalist2018.py
# Not run by us. ARB paper: top-1 71.7, many 71.9, medium 72.1, few 71.7.
_base_ = './resnet50_arb_inaturalist2018.py'
model = dict(backbone=dict(depth=152))
