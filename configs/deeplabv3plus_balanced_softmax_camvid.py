# DeepLabv3+ with balanced softmax on CamVid.
#     python tools/train.py configs/deeplabv3plus_balanced_softmax_camvid.py
# Measured as ARB-Loss on data set counts, which is the same loss: docs/results.md.
_base_ = './deeplabv3plus_ce_camvid.py'
model = dict(decode_head=dict(loss_decode=dict(_delete_=True, type='ltseg.BalancedSoftmaxLoss')))
