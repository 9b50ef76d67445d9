# U-Net with balanced softmax on Cityscapes.
#     python tools/train.py configs/unet_balanced_softmax_cityscapes.py
# Not run by us.
_base_ = './unet_ce_cityscapes.py'
model = dict(decode_head=dict(loss_decode=dict(_delete_=True, type='ltseg.BalancedSoftmaxLoss')))
