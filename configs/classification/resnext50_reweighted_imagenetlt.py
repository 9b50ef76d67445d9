# ResNeXt-50 with cross entropy weighted by 1 / n and mixup on ImageNet-LT.
#     python tools/train.py configs/classification/resnext50_reweighted_imagenetlt.py
# Not run by us. NCR paper: top-1 42.5, many 52.0, medium 41.4, few 19.8.
_base_ = './resnext50_ce_mixup_imagenetlt.py'
model = dict(head=dict(loss=dict(_delete_=True, type='ltseg.ReweightedLoss')))
