# ResNet-50 with deferred re-weighting and logit weight repulsion on ImageNet-LT.
#     python tools/train.py configs/classification/resnet50_lwr_ce_drw_imagenetlt.py
# Not run by us. LWR poster, recipe unknown: top-1 50.4, many 60.4, medium 47.7, few 30.0.
_base_ = './resnet50_ce_drw_imagenetlt.py'
model = dict(head=dict(regularizers=[dict(type='ltseg.WeightRepulsion', threshold=0.4)]))
