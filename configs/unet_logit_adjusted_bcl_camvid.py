# U-Net with the logit-adjusted loss and balanced contrast of pixels with prototypes on CamVid.
#     python tools/train.py configs/unet_logit_adjusted_bcl_camvid.py
# The weight has the BCL paper's ratio to the other loss, 0.6 to 2.
# Measured: docs/results.md.
_base_ = './unet_logit_adjusted_camvid.py'
model = dict(decode_head=dict(regularizers=[
    dict(type='ltseg.BalancedContrastiveLoss', temperature=0.1, loss_weight=0.3)]))
