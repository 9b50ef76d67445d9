# U-Net's decoder on EfficientNet-Lite0's maps of strides 4 to 32.
_base_ = './efficientnet_lite0.py'
model = dict(
    backbone=dict(out_indices=(1, 2, 3, 4)),
    neck=dict(type='ltseg.UNetNeck', in_channels=(24, 40, 112, 320), channels=(48, 64, 96)),
    decode_head=dict(
        type='ltseg.LongTailSegHead',
        head_type='FCNHead',
        in_channels=48,
        in_index=0,
        channels=48,
        num_convs=0,
        concat_input=False,
        dropout_ratio=0.1,
        num_classes=19,
        align_corners=False,
        loss_decode=dict(type='ltseg.CrossEntropyLoss')))
