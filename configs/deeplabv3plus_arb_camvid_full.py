# DeepLabv3+ with ARB-Loss on CamVid, model and pictures at full size, from scratch.
#     python tools/train.py configs/deeplabv3plus_arb_camvid_full.py
# Not run by us.
_base_ = './deeplabv3plus_ce_camvid_full.py'
model = dict(decode_head=dict(loss_decode=dict(_delete_=True, type='ltseg.ARBLoss')))
