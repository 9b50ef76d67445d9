# UPerNet R50 with ARB-Loss on ADE20K.
#     python tools/train.py configs/upernet-r50_arb_ade20k.py
# Not run by us.
_base_ = './upernet-r50_ce_ade20k.py'
model = dict(decode_head=dict(loss_decode=dict(_delete_=True, type='ltseg.ARBLoss')))
