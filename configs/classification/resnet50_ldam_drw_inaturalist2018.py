# ResNet-50 with LDAM, re-weighted from epoch 160 on (DRW), on iNaturalist 2018.
#     python tools/train.py configs/classification/resnet50_ldam_drw_inaturalist2018.py
# Not run by us. ARB paper (ResNet-152): top-1 68.0.
_base_ = './resnet50_ce_inaturalist2018.py'
model = dict(head=dict(
    classifier=dict(type='ltseg.CosineClassifier'),
    loss=dict(_delete_=True, type='ltseg.LDAMLoss')))
custom_hooks = [*_base_.custom_hooks, dict(type='ltseg.DeferredRules', begin=160)]
