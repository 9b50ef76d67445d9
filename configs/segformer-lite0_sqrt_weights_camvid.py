# SegFormer's head on a pretrained EfficientNet-Lite0 with class weights 1 / sqrt(n) on CamVid at full size.
#     python tools/train.py configs/segformer-lite0_sqrt_weights_camvid.py
# Measured: docs/results.md.
_base_ = './segformer-lite0_ce_camvid.py'
model = dict(
    decode_head=dict(loss_decode=dict(_delete_=True, type='ltseg.ReweightedLoss', scheme='sqrt_inverse')))
