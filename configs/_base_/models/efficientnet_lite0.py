# EfficientNet-Lite0 with ImageNet weights, 3.4 M parameters, as the encoder of the models beside this file. The weights
# come from a file that `ltseg weights tf_efficientnet_lite0` writes; where there is none, timm downloads its own.
data_preprocessor = dict(
    type='SegDataPreProcessor', mean=[127.0] * 3, std=[128.0] * 3, bgr_to_rgb=True, pad_val=0, seg_pad_val=255)
model = dict(
    type='EncoderDecoder',
    data_preprocessor=data_preprocessor,
    backbone=dict(
        type='ltseg.TIMMEncoder', model_name='tf_efficientnet_lite0', weights='weights/tf_efficientnet_lite0.pth'),
    train_cfg=dict(),
    test_cfg=dict(mode='whole'))
