# DeepLabv3+ with focal loss on CamVid.
#     python tools/train.py configs/deeplabv3plus_focal_camvid.py
# Not measured.
_base_ = './deeplabv3plus_ce_camvid.py'
model = dict(decode_head=dict(loss_decode=dict(_delete_=True, type='ltseg.FocalLoss', gamma=2.0)))
