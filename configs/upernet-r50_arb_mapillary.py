# UPerNet R50 with ARB-Loss on Mapillary Vistas 1.2.
#     python tools/train.py configs/upernet-r50_arb_mapillary.py
# Not run by us.
_base_ = './upernet-r50_ce_mapillary.py'
model = dict(decode_head=dict(loss_decode=dict(_delete_=True, type='ltseg.ARBLoss')))
