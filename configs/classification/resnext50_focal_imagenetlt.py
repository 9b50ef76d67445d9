# ResNeXt-50 with the focal loss and RandAugment on ImageNet-LT.
#     python tools/train.py configs/classification/resnext50_focal_imagenetlt.py
# Not run by us. BCL paper: top-1 43.7, many 64.3, medium 37.1, few 8.2.
_base_ = './resnext50_ce_imagenetlt.py'
model = dict(head=dict(loss=dict(_delete_=True, type='ltseg.FocalLoss')))
