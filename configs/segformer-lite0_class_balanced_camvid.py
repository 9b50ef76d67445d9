# SegFormer's head on a pretrained EfficientNet-Lite0 with the class-balanced loss with the beta that suits pixel counts on CamVid at full size.
#     python tools/train.py configs/segformer-lite0_class_balanced_camvid.py
# Measured on the frozen encoder: docs/results.md.
_base_ = './segformer-lite0_ce_camvid.py'
model = dict(decode_head=dict(loss_decode=dict(_delete_=True, type='ltseg.ClassBalancedLoss', beta='1-1/N')))
