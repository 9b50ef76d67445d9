# U-Net with Seesaw loss on CamVid.
#     python tools/train.py configs/unet_seesaw_camvid.py
# Measured: docs/results.md.
_base_ = './unet_ce_camvid.py'
model = dict(decode_head=dict(loss_decode=dict(_delete_=True, type='ltseg.SeesawLoss')))
