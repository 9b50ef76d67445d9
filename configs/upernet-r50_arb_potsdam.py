# UPerNet R50 with ARB-Loss on Potsdam.
#     python tools/train.py configs/upernet-r50_arb_potsdam.py
# Not run by us.
_base_ = './upernet-r50_ce_potsdam.py'
model = dict(decode_head=dict(loss_decode=dict(_delete_=True, type='ltseg.ARBLoss')))
