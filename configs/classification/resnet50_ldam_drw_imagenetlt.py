# ResNet-50 with LDAM, re-weighted from epoch 160 on (DRW), on ImageNet-LT.
#     python tools/train.py configs/classification/resnet50_ldam_drw_imagenetlt.py
# Not run by us. ARB paper: top-1 48.8.
_base_ = './resnet50_ce_imagenetlt.py'
model = dict(head=dict(
    classifier=dict(type='ltseg.CosineClassifier'),
    loss=dict(_delete_=True, type='ltseg.LDAMLoss')))
custom_hooks = [*_base_.custom_hooks, dict(type='ltseg.DeferredRules', begin=160)]
