# U-Net with ARB-Loss on MiniCity.
#     python tools/train.py configs/unet_arb_minicity.py
# Not measured.
_base_ = './unet_ce_minicity.py'
model = dict(decode_head=dict(loss_decode=dict(_delete_=True, type='ltseg.ARBLoss')))
