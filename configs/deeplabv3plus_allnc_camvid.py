# DeepLabv3+ with all-around neural collapse (AllNC) in its dense form on CamVid.
#     python tools/train.py configs/deeplabv3plus_allnc_camvid.py
# Ours: alpha 1, exponent 1 of the re-weighting, gamma 3, one view.
# Not measured.
_base_ = ['./deeplabv3plus_ce_camvid.py', '_base_/heads/allnc_dense.py']
model = dict(decode_head=_base_.allnc_head)
report = dict(method='AllNC')
