# ResNeXt-50 with regularizers of neural collapse beside deferred re-weighting (NC-DRW) on ImageNet-LT.
#     python tools/train.py configs/classification/resnext50_ncr_drw_imagenetlt.py
# Both terms begin in the middle of training.
# Not run by us. NCR paper: top-1 53.6, many 67.1, medium 49.7, few 29.0.
_base_ = './resnext50_ce_drw_imagenetlt.py'
model = dict(head=dict(regularizers=[
    dict(type='ltseg.WithinClassRegularizer', loss_weight=0.05, schedule=dict(start=0.5)),
    dict(type='ltseg.BetweenClassRegularizer', loss_weight=1.0, schedule=dict(start=0.5)),
]))
