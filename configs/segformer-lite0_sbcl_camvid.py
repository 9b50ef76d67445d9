# SegFormer's head on a pretrained EfficientNet-Lite0 with subclass-balancing contrast (SBCL) on CamVid at full size.
#     python tools/train.py configs/segformer-lite0_sbcl_camvid.py
# Not measured.
_base_ = './segformer-lite0_ce_camvid.py'
model = dict(decode_head=dict(regularizers=[dict(type='ltseg.SubclassBalancedContrastiveLoss', loss_weight=0.1)]))
custom_hooks = [
    *_base_.custom_hooks, dict(type='ltseg.ClusterSubclasses', begin=250, interval=250, by_epoch=False),
]
