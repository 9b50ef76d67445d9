# DeepLabv3+ with the class-balanced loss (beta for pixel counts) on CamVid in twice as many iterations.
#     python tools/train.py configs/deeplabv3plus_class_balanced_camvid_long.py
# Measured: docs/results.md.
_base_ = './deeplabv3plus_ce_camvid_long.py'
model = dict(decode_head=dict(loss_decode=dict(_delete_=True, type='ltseg.ClassBalancedLoss', beta='1-1/N')))
