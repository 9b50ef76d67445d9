# SegFormer MiT-B0 with ARB-Loss on COCO-Stuff 164k.
#     python tools/train.py configs/segformer-b0_arb_cocostuff164k.py
# Not run by us.
_base_ = './segformer-b0_ce_cocostuff164k.py'
model = dict(decode_head=dict(loss_decode=dict(_delete_=True, type='ltseg.ARBLoss')))
