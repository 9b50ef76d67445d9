# U-Net with balanced softmax on CamVid.
#     python tools/train.py configs/unet_balanced_softmax_camvid.py
# Measured as ARB-Loss on data set counts, which is the same loss: docs/results.md.
_base_ = './unet_ce_camvid.py'
model = dict(decode_head=dict(loss_decode=dict(_delete_=True, type='ltseg.BalancedSoftmaxLoss')))
