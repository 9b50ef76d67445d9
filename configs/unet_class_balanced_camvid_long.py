# U-Net with the class-balanced loss (beta for pixel counts) on CamVid in twice as many iterations.
#     python tools/train.py configs/unet_class_balanced_camvid_long.py
# Not measured.
_base_ = './unet_ce_camvid_long.py'
model = dict(decode_head=dict(loss_decode=dict(_delete_=True, type='ltseg.ClassBalancedLoss', beta='1-1/N')))
