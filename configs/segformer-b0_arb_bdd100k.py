# SegFormer MiT-B0 with ARB-Loss on BDD100K.
#     python tools/train.py configs/segformer-b0_arb_bdd100k.py
# Not run by us.
_base_ = './segformer-b0_ce_bdd100k.py'
model = dict(decode_head=dict(loss_decode=dict(_delete_=True, type='ltseg.ARBLoss')))
