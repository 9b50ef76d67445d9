# SegFormer's head on a pretrained EfficientNet-Lite0 with ISDA, features augmented as their class varies, on CamVid.
#     python tools/train.py configs/segformer-lite0_isda_camvid.py
# Not measured.
_base_ = './segformer-lite0_ce_camvid.py'
model = dict(
    decode_head=dict(
        loss_decode=dict(_delete_=True, type='ltseg.ISDALoss', strength=7.5, covariance='diagonal')))
