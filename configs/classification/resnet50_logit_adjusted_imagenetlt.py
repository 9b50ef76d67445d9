# ResNet-50 with the logit-adjusted loss on ImageNet-LT.
#     python tools/train.py configs/classification/resnet50_logit_adjusted_imagenetlt.py
# Not run by us. LWR poster, recipe unknown: top-1 48.0, many 58.5, medium 44.4, few 29.1.
_base_ = './resnet50_ce_imagenetlt.py'
model = dict(head=dict(loss=dict(_delete_=True, type='ltseg.LogitAdjustedLoss')))
