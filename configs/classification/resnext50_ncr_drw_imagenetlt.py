# ResNeXt-50 with regularizers of neural collapse beside DRW and mixup (NC-DRW) on ImageNet-LT.
#     python tools/train.py configs/classification/resnext50_ncr_drw_imagenetlt.py
# Both terms begin in the middle of training. DRW from epoch 170 on is read from released code, as the paper is silent.
# Not run by us. NCR paper: top-1 53.6, many 67.1, medium 49.7, few 29.0.
_base_ = './resnext50_ce_drw_imagenetlt.py'
model = dict(head=dict(regularizers=[
    dict(type='ltseg.WithinClassRegularizer', loss_weight=0.05, schedule=dict(start=0.5)),
    dict(type='ltseg.BetweenClassRegularizer', loss_weight=1.0, schedule=dict(start=0.5)),
]))
custom_hooks = [*_base_.custom_hooks[:-1], dict(type='ltseg.DeferredRules', begin=170)]
