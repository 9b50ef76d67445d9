# DeepLabv3+ with balanced softmax and logit weight repulsion on CamVid.
#     python tools/train.py configs/deeplabv3plus_balanced_softmax_lwr_camvid.py
# Measured: docs/results.md.
_base_ = './deeplabv3plus_balanced_softmax_camvid.py'
model = dict(decode_head=dict(regularizers=[dict(type='ltseg.WeightRepulsion', threshold=0.4)]))
