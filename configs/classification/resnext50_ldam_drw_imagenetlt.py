# ResNeXt-50 with LDAM, re-weighted from epoch 160 on (DRW), on ImageNet-LT.
#     python tools/train.py configs/classification/resnext50_ldam_drw_imagenetlt.py
# Without mixup: a margin has no formula for mixed labels.
# Not run by us. NCR paper: top-1 48.8.
_base_ = './resnext50_ce_mixup_imagenetlt.py'
model = dict(train_cfg=None, head=dict(
    classifier=dict(type='ltseg.CosineClassifier'),
    loss=dict(_delete_=True, type='ltseg.LDAMLoss')))
custom_hooks = [*_base_.custom_hooks, dict(type='ltseg.DeferredRules', begin=160)]
