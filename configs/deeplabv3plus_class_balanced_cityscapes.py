# DeepLabv3+ with the class-balanced loss with the beta that suits pixel counts on Cityscapes.
#     python tools/train.py configs/deeplabv3plus_class_balanced_cityscapes.py
# Not run by us.
_base_ = './deeplabv3plus_ce_cityscapes.py'
model = dict(decode_head=dict(loss_decode=dict(_delete_=True, type='ltseg.ClassBalancedLoss', beta='1-1/N')))
