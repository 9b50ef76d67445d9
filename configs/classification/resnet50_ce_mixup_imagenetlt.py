# ResNet-50 with cross entropy and mixup on ImageNet-LT.
#     python tools/train.py configs/classification/resnet50_ce_mixup_imagenetlt.py
# Not run by us. ARB paper, plain model: top-1 45.6, many 65.5, medium 40.3, few 13.1.
_base_ = './resnet50_ce_imagenetlt.py'
model = dict(train_cfg=dict(augments=[dict(type='Mixup', alpha=0.2)]))
