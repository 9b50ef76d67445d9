# SegFormer's head on a pretrained EfficientNet-Lite0 with ARB-Loss on CamVid at full size.
#     python tools/train.py configs/segformer-lite0_arb_camvid.py
# Measured: docs/results.md.
_base_ = './segformer-lite0_ce_camvid.py'
model = dict(decode_head=dict(loss_decode=dict(_delete_=True, type='ltseg.ARBLoss')))
