# SegFormer's head on a pretrained EfficientNet-Lite0 with class-wise difficulty-balanced loss on CamVid at full size.
#     python tools/train.py configs/segformer-lite0_cdb_camvid.py
# Measured on the frozen encoder: docs/results.md.
_base_ = './segformer-lite0_ce_camvid.py'
model = dict(decode_head=dict(loss_decode=dict(type='ltseg.DifficultyBalancedLoss')))
