# U-Net with ARB-Loss and regularizers of neural collapse on CamVid.
#     python tools/train.py configs/unet_arb_ncr_camvid.py
# The weights are the NCR paper's for CIFAR-10.
# Measured: docs/results.md.
_base_ = './unet_arb_camvid.py'
model = dict(decode_head=dict(regularizers=[
    dict(type='ltseg.WithinClassRegularizer', loss_weight=0.01),
    dict(type='ltseg.BetweenClassRegularizer', loss_weight=0.1),
]))
