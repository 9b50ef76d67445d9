# ResNeXt-50 with parametric contrastive learning (PaCo) on ImageNet-LT, in 180 epochs.
#     python tools/train.py configs/classification/resnext50_paco_imagenetlt.py
# It contains the cross entropy, which is therefore left out. Without PaCo's network of averaged weights, as GPaCo; both
# views are compared, and the queue holds the second one. Weights and rates are those of released code for 400 epochs.
# Not run by us. BCL paper: top-1 56.0, many 64.4, medium 55.7, few 33.7.
_base_ = [
    '../_base_/models/resnext50.py', '../_base_/datasets/imagenet_lt_views.py',
    '../_base_/schedules/cosine_90e.py', '../_base_/runtime/classification.py',
]
views = dict(type='MultiView', num_views=[1, 1], transforms=[_base_.classified_view, _base_.compared_view])
train_pipeline = [_base_.train_pipeline[0], views, _base_.train_pipeline[-1]]
train_dataloader = dict(batch_size=128, dataset=dict(pipeline=train_pipeline))
model = dict(head=dict(
    loss=dict(loss_weight=0.0),
    regularizers=[
        dict(
            type='ltseg.ParametricContrastiveLoss', temperature=0.2, alpha=0.05, counts='dataset', queue_size=8192,
            hidden_channels=2048),
    ]))
optim_wrapper = dict(optimizer=dict(lr=0.06))
param_scheduler = [
    dict(type='LinearLR', start_factor=0.1, by_epoch=True, begin=0, end=10),
    dict(type='CosineAnnealingLR', by_epoch=True, T_max=170, eta_min=0, begin=10),
]
train_cfg = dict(max_epochs=180)
report = dict(method='PaCo')
