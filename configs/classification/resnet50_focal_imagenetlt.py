# ResNet-50 with the focal loss on ImageNet-LT.
#     python tools/train.py configs/classification/resnet50_focal_imagenetlt.py
# Not run by us. LWR poster, recipe unknown: top-1 38.0, many 56.3, medium 31.0, few 11.2.
_base_ = './resnet50_ce_imagenetlt.py'
model = dict(head=dict(loss=dict(_delete_=True, type='ltseg.FocalLoss')))
