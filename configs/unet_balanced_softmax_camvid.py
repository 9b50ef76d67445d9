# U-Net with balanced softmax on CamVid.
#     python tools/train.py configs/unet_balanced_softmax_camvid.py
# Not measured.
_base_ = './unet_ce_camvid.py'
model = dict(decode_head=dict(loss_decode=dict(_delete_=True, type='ltseg.BalancedSoftmaxLoss')))
