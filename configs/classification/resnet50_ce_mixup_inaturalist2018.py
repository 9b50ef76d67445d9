# ResNet-50 with cross entropy and mixup on iNaturalist 2018.
#     python tools/train.py configs/classification/resnet50_ce_mixup_inaturalist2018.py
# Not run by us. ARB paper, plain model (ResNet-152): top-1 62.3, many 72.8, medium 63.7, few 58.4.
_base_ = './resnet50_ce_inaturalist2018.py'
model = dict(train_cfg=dict(augments=[dict(type='Mixup', alpha=0.2)]))
