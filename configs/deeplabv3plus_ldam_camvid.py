# DeepLabv3+ with LDAM on a cosine classifier on CamVid.
#     python tools/train.py configs/deeplabv3plus_ldam_camvid.py
# Not measured.
_base_ = './deeplabv3plus_ce_camvid.py'
model = dict(
    decode_head=dict(
        classifier=dict(type='ltseg.CosineClassifier'),
        loss_decode=dict(_delete_=True, type='ltseg.LDAMLoss')))
