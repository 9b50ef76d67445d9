# ResNeXt-50 with global and local mixture consistency (GLMC) on ImageNet-LT.
#     python tools/train.py configs/classification/resnext50_glmc_imagenetlt.py
# The recipe of released code. It draws once, for all of training, whether the views are of RandAugment, as here.
# Not run by us. AllNC paper: top-1 56.3, many 70.1, medium 52.4, few 30.4.
_base_ = [
    '../_base_/models/resnext50.py', '../_base_/datasets/imagenet_lt_two_views.py',
    '../_base_/schedules/cosine_90e.py', '../_base_/runtime/classification.py', '../_base_/heads/glmc.py',
]
model = dict(
    head=dict(
        _base_.glmc_head,
        loss=dict(_base_.glmc_head.loss, rho=1.0),
        regularizers=[dict(type='ltseg.MixtureConsistencyRegularizer', out_channels=256, loss_weight=10.0)]),
    auxiliary_head=dict(_base_.model.head, **_base_.glmc_auxiliary_head),
    train_cfg=dict(augments=[dict(type='ltseg.GlobalLocalMixture', exponent=0.2)]))
train_dataloader = dict(batch_size=120)
optim_wrapper = dict(optimizer=dict(weight_decay=0.0002))
param_scheduler = [
    dict(type='LinearLR', start_factor=0.1, by_epoch=True, begin=0, end=10),
    dict(type='CosineAnnealingLR', by_epoch=True, T_max=125, eta_min=0, begin=10),
]
train_cfg = dict(max_epochs=135)
report = dict(method='GLMC')
