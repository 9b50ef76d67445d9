# DeepLabv3+ with Seesaw loss on CamVid.
#     python tools/train.py configs/deeplabv3plus_seesaw_camvid.py
# Measured: docs/results.md.
_base_ = './deeplabv3plus_ce_camvid.py'
model = dict(decode_head=dict(loss_decode=dict(_delete_=True, type='ltseg.SeesawLoss')))
