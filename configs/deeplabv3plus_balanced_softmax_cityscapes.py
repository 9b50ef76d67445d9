# DeepLabv3+ with balanced softmax on Cityscapes.
#     python tools/train.py configs/deeplabv3plus_balanced_softmax_cityscapes.py
# Not run by us.
_base_ = './deeplabv3plus_ce_cityscapes.py'
model = dict(decode_head=dict(loss_decode=dict(_delete_=True, type='ltseg.BalancedSoftmaxLoss')))
