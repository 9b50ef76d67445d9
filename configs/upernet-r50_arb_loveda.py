# UPerNet R50 with ARB-Loss on LoveDA.
#     python tools/train.py configs/upernet-r50_arb_loveda.py
# Not run by us.
_base_ = './upernet-r50_ce_loveda.py'
model = dict(decode_head=dict(loss_decode=dict(_delete_=True, type='ltseg.ARBLoss')))
