# SegFormer's head on a pretrained EfficientNet-Lite0 with focal loss at the mean of cross entropy on CamVid at full size.
#     python tools/train.py configs/segformer-lite0_focal_keep_mean_camvid.py
# Measured on the frozen encoder: docs/results.md.
_base_ = './segformer-lite0_ce_camvid.py'
model = dict(decode_head=dict(loss_decode=dict(type='ltseg.FocalLoss', keep_mean=True)))
