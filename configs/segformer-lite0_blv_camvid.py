# SegFormer's head on a pretrained EfficientNet-Lite0 with BLV, noise that raises logits of rare classes, on CamVid.
#     python tools/train.py configs/segformer-lite0_blv_camvid.py
# Measured on the frozen encoder: docs/results.md.
_base_ = './segformer-lite0_ce_camvid.py'
model = dict(decode_head=dict(loss_decode=dict(_delete_=True, type='ltseg.BLVLoss')))
