# U-Net with Seesaw loss on Cityscapes.
#     python tools/train.py configs/unet_seesaw_cityscapes.py
# Not run by us.
_base_ = './unet_ce_cityscapes.py'
model = dict(decode_head=dict(loss_decode=dict(_delete_=True, type='ltseg.SeesawLoss')))
