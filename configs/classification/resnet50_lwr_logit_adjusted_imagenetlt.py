# ResNet-50 with the logit-adjusted loss and logit weight repulsion on ImageNet-LT.
#     python tools/train.py configs/classification/resnet50_lwr_logit_adjusted_imagenetlt.py
# Not run by us. LWR poster, recipe unknown: top-1 50.1, many 60.4, medium 46.9, few 31.5.
_base_ = './resnet50_logit_adjusted_imagenetlt.py'
model = dict(head=dict(regularizers=[dict(type='ltseg.WeightRepulsion', threshold=0.4)]))
