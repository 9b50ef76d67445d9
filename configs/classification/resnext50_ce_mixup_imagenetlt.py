# ResNeXt-50 with cross entropy and mixup on ImageNet-LT, in the NCR paper's recipe.
#     python tools/train.py configs/classification/resnext50_ce_mixup_imagenetlt.py
# 200 epochs, batches of 256, a cosine from 0.05, RandAugment; the weight decay is that of its released code.
# Not run by us. NCR paper: top-1 45.3, many 68.2, medium 38.1, few 5.82.
_base_ = './resnext50_ce_imagenetlt.py'
model = dict(train_cfg=dict(augments=[dict(type='Mixup', alpha=0.2)]))
optim_wrapper = dict(optimizer=dict(lr=0.05))
param_scheduler = [dict(type='CosineAnnealingLR', by_epoch=True, T_max=200, eta_min=0)]
train_cfg = dict(max_epochs=200)
