# ResNet-50 with balanced contrastive learning (BCL) on ImageNet-LT.
#     python tools/train.py configs/classification/resnet50_bcl_imagenetlt.py
# The first of three views is classified, the others are compared. The temperature is that of the released code.
# Not run by us. BCL paper: top-1 56.0.
_base_ = [
    '../_base_/models/resnet50.py', '../_base_/datasets/imagenet_lt_views.py',
    '../_base_/schedules/cosine_90e.py', '../_base_/runtime/classification.py',
]
model = dict(head=dict(
    classifier=dict(type='ltseg.CosineClassifier', scale=30.0),
    loss=dict(_delete_=True, type='ltseg.LogitAdjustedLoss'),
    regularizers=[
        dict(
            type='ltseg.BalancedContrastiveLoss', temperature=0.07, views=(1, 2), hidden_channels=2048,
            out_channels=1024, loss_weight=0.35),
    ]))
