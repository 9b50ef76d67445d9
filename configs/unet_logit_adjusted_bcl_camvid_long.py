# U-Net with the logit-adjusted loss and balanced contrast with prototypes on CamVid in twice as many iterations.
#     python tools/train.py configs/unet_logit_adjusted_bcl_camvid_long.py
# Measured: docs/results.md.
_base_ = './unet_ce_camvid_long.py'
model = dict(decode_head=dict(
    loss_decode=dict(_delete_=True, type='ltseg.LogitAdjustedLoss', tau=0.5),
    regularizers=[dict(type='ltseg.BalancedContrastiveLoss', temperature=0.1, loss_weight=0.3)]))
