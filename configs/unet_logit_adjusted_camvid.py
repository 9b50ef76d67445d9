# U-Net with the logit-adjusted loss, half way between cross entropy (tau 0) and balanced softmax (tau 1) on CamVid.
#     python tools/train.py configs/unet_logit_adjusted_camvid.py
# Measured: docs/results.md.
_base_ = './unet_ce_camvid.py'
model = dict(decode_head=dict(loss_decode=dict(_delete_=True, type='ltseg.LogitAdjustedLoss', tau=0.5)))
