# SegFormer MiT-B0 with 0.25 x cross entropy + 0.75 x Jaccard on Mapillary Vistas 1.2.
#     python tools/train.py configs/segformer-b0_jaccard_mapillary.py
# Not run by us.
_base_ = './segformer-b0_ce_mapillary.py'
loss = [dict(type='ltseg.CrossEntropyLoss', loss_weight=0.25), dict(type='ltseg.JaccardLoss', loss_weight=0.75)]
model = dict(decode_head=dict(loss_decode=loss))
