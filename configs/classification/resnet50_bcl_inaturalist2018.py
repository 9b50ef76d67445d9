# ResNet-50 with balanced contrastive learning (BCL) on iNaturalist 2018.
#     python tools/train.py configs/classification/resnet50_bcl_inaturalist2018.py
# The first of three views is classified, the others are compared. The temperature is that of the released code.
# Not run by us. BCL paper: top-1 71.8.
_base_ = [
    '../_base_/models/resnet50.py', '../_base_/datasets/inaturalist2018_views.py',
    '../_base_/schedules/cosine_90e.py', '../_base_/runtime/classification.py',
]
model = dict(head=dict(
    num_classes=8142,
    classifier=dict(type='ltseg.CosineClassifier', scale=30.0),
    loss=dict(_delete_=True, type='ltseg.LogitAdjustedLoss'),
    regularizers=[
        dict(
            type='ltseg.BalancedContrastiveLoss', temperature=0.07, views=(1, 2), hidden_channels=2048,
            out_channels=1024, loss_weight=0.35),
    ]))
optim_wrapper = dict(optimizer=dict(lr=0.2, weight_decay=0.0001))
param_scheduler = [dict(type='CosineAnnealingLR', by_epoch=True, T_max=100, eta_min=0)]
train_cfg = dict(max_epochs=100)
