# ResNet-50 with Remix, re-weighted from epoch 160 on (DRW), on iNaturalist 2018.
#     python tools/train.py configs/classification/resnet50_remix_drw_inaturalist2018.py
# Not run by us. ARB paper (ResNet-152): top-1 70.5.
_base_ = './resnet50_ce_inaturalist2018.py'
data_preprocessor = dict(type='ltseg.AugmentingClsPreprocessor')  # Remix counts classes
model = dict(train_cfg=dict(augments=[dict(type='ltseg.Remix', alpha=0.2)]))
custom_hooks = [*_base_.custom_hooks, dict(type='ltseg.DeferredRules', begin=160)]
