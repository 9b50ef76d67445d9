# DeepLabv3+ with ARB-Loss on Cityscapes.
#     python tools/train.py configs/deeplabv3plus_arb_cityscapes.py
# Not run by us. The paper's ARB-Loss: mIoU 79.5, mAcc 89.0 (its rows average 78.44).
_base_ = './deeplabv3plus_ce_cityscapes.py'
model = dict(decode_head=dict(loss_decode=dict(_delete_=True, type='ltseg.ARBLoss')))
