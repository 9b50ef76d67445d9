# U-Net with balanced softmax and logit weight repulsion on CamVid.
#     python tools/train.py configs/unet_balanced_softmax_lwr_camvid.py
# Measured: docs/results.md.
_base_ = './unet_balanced_softmax_camvid.py'
model = dict(decode_head=dict(regularizers=[dict(type='ltseg.WeightRepulsion', threshold=0.4)]))
