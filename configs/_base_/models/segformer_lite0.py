# SegFormer's head, a 1 x 1 convolution for each map and one for all, on EfficientNet-Lite0's maps of strides 8 to 32.
_base_ = './efficientnet_lite0.py'
norm_cfg = dict(type='BN', requires_grad=True)
model = dict(
    backbone=dict(out_indices=(2, 3, 4)),
    decode_head=dict(
        type='ltseg.LongTailSegHead',
        head_type='SegformerHead',
        in_channels=[40, 112, 320],
        in_index=[0, 1, 2],
        channels=96,
        dropout_ratio=0.1,
        num_classes=19,
        norm_cfg=norm_cfg,
        align_corners=False,
        loss_decode=dict(type='ltseg.CrossEntropyLoss')))
