# DeepLabv3+ with focal loss on Cityscapes.
#     python tools/train.py configs/deeplabv3plus_focal_cityscapes.py
# Not run by us.
_base_ = './deeplabv3plus_ce_cityscapes.py'
model = dict(decode_head=dict(loss_decode=dict(_delete_=True, type='ltseg.FocalLoss', gamma=2.0)))
