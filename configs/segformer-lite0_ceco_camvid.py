# SegFormer's head on a pretrained EfficientNet-Lite0 with CeCo, class means drawn to a simplex, on CamVid.
#     python tools/train.py configs/segformer-lite0_ceco_camvid.py
# Measured on the frozen encoder: docs/results.md.
_base_ = './segformer-lite0_ce_camvid.py'
model = dict(decode_head=dict(regularizers=[dict(type='ltseg.CenterCollapseRegularizer', loss_weight=0.8)]))
