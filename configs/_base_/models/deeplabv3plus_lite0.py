# DeepLabv3+ on EfficientNet-Lite0 with output stride 16; the skip connection is the map of stride 4.
_base_ = './efficientnet_lite0.py'
norm_cfg = dict(type='BN', requires_grad=True)
model = dict(
    backbone=dict(out_indices=(1, 3, 4), output_stride=16),
    decode_head=dict(
        type='ltseg.LongTailSegHead',
        head_type='DepthwiseSeparableASPPHead',
        in_channels=320,
        in_index=2,
        channels=128,
        dilations=(1, 6, 12, 18),
        c1_in_channels=24,
        c1_channels=24,
        dropout_ratio=0.1,
        num_classes=19,
        norm_cfg=norm_cfg,
        align_corners=False,
        loss_decode=dict(type='ltseg.CrossEntropyLoss')))
