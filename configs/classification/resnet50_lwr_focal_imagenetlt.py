# ResNet-50 with the focal loss and logit weight repulsion on ImageNet-LT.
#     python tools/train.py configs/classification/resnet50_lwr_focal_imagenetlt.py
# Not run by us. LWR poster, recipe unknown: top-1 41.0, many 58.6, medium 34.1, few 13.7.
_base_ = './resnet50_focal_imagenetlt.py'
model = dict(head=dict(regularizers=[dict(type='ltseg.WeightRepulsion', threshold=0.4)]))
