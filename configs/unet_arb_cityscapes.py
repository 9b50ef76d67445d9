# U-Net with ARB-Loss on Cityscapes.
#     python tools/train.py configs/unet_arb_cityscapes.py
# Not run by us. The paper's ARB-Loss: mIoU 67.9, mAcc 79.7.
_base_ = './unet_ce_cityscapes.py'
model = dict(decode_head=dict(loss_decode=dict(_delete_=True, type='ltseg.ARBLoss')))
