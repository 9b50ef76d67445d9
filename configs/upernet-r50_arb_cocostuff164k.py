# UPerNet R50 with ARB-Loss on COCO-Stuff 164k.
#     python tools/train.py configs/upernet-r50_arb_cocostuff164k.py
# Not run by us.
_base_ = './upernet-r50_ce_cocostuff164k.py'
model = dict(decode_head=dict(loss_decode=dict(_delete_=True, type='ltseg.ARBLoss')))
