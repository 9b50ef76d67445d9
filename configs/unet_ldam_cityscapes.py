# U-Net with LDAM on a cosine classifier on Cityscapes.
#     python tools/train.py configs/unet_ldam_cityscapes.py
# Not run by us.
_base_ = './unet_ce_cityscapes.py'
model = dict(
    decode_head=dict(
        classifier=dict(type='ltseg.CosineClassifier'),
        loss_decode=dict(_delete_=True, type='ltseg.LDAMLoss')))
