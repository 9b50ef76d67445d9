# ResNeXt-50 with the logit-adjusted loss and mixup on ImageNet-LT.
#     python tools/train.py configs/classification/resnext50_logit_adjusted_imagenetlt.py
# Not run by us. NCR paper: top-1 51.1.
_base_ = './resnext50_ce_mixup_imagenetlt.py'
model = dict(head=dict(loss=dict(_delete_=True, type='ltseg.LogitAdjustedLoss')))
