# SegFormer MiT-B0 with ARB-Loss on Mapillary Vistas 1.2.
#     python tools/train.py configs/segformer-b0_arb_mapillary.py
# Not run by us.
_base_ = './segformer-b0_ce_mapillary.py'
model = dict(decode_head=dict(loss_decode=dict(_delete_=True, type='ltseg.ARBLoss')))
