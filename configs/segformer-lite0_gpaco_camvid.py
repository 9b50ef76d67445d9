# SegFormer's head on a pretrained EfficientNet-Lite0 with cross entropy and parametric contrast on CamVid at full size.
#     python tools/train.py configs/segformer-lite0_gpaco_camvid.py
# Measured on the frozen encoder: docs/results.md.
_base_ = './segformer-lite0_ce_camvid.py'
model = dict(decode_head=dict(regularizers=[dict(type='ltseg.ParametricContrastiveLoss')]))
