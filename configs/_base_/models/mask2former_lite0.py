# The small Mask2Former beside this file on EfficientNet-Lite0's maps of strides 4 to 32, with ImageNet weights.
_base_ = './mask2former_r18.py'
model = dict(
    data_preprocessor=dict(mean=[127.0] * 3, std=[128.0] * 3),
    backbone=dict(
        _delete_=True, type='ltseg.TIMMEncoder', model_name='tf_efficientnet_lite0',
        weights='weights/tf_efficientnet_lite0.pth', out_indices=(1, 2, 3, 4)),
    decode_head=dict(in_channels=[24, 40, 112, 320]))
