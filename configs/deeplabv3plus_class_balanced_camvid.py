# DeepLabv3+ with the class-balanced loss with the beta that suits pixel counts on CamVid.
#     python tools/train.py configs/deeplabv3plus_class_balanced_camvid.py
# Measured: docs/results.md.
_base_ = './deeplabv3plus_ce_camvid.py'
model = dict(decode_head=dict(loss_decode=dict(_delete_=True, type='ltseg.ClassBalancedLoss', beta='1-1/N')))
