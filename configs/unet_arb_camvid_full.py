# U-Net with ARB-Loss on CamVid, model and pictures at full size, from scratch.
#     python tools/train.py configs/unet_arb_camvid_full.py
# Not run by us.
_base_ = './unet_ce_camvid_full.py'
model = dict(decode_head=dict(loss_decode=dict(_delete_=True, type='ltseg.ARBLoss')))
