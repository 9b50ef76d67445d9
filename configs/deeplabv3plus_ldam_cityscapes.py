# DeepLabv3+ with LDAM on a cosine classifier on Cityscapes.
#     python tools/train.py configs/deeplabv3plus_ldam_cityscapes.py
# Not run by us.
_base_ = './deeplabv3plus_ce_cityscapes.py'
model = dict(
    decode_head=dict(
        classifier=dict(type='ltseg.CosineClassifier'),
        loss_decode=dict(_delete_=True, type='ltseg.LDAMLoss')))
