# U-Net S5-D16 with an eighth of its channels, for two CPU cores.
_base_ = './unet_s5-d16.py'
norm_cfg = dict(type='BN', requires_grad=True)
model = dict(
    backbone=dict(base_channels=8, norm_cfg=norm_cfg),
    decode_head=dict(in_channels=8, channels=16, norm_cfg=norm_cfg),
    auxiliary_head=dict(in_channels=16, channels=16, norm_cfg=norm_cfg))
