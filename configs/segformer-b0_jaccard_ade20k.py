# SegFormer MiT-B0 with 0.25 x cross entropy + 0.75 x Jaccard on ADE20K.
#     python tools/train.py configs/segformer-b0_jaccard_ade20k.py
# Not run by us.
_base_ = './segformer-b0_ce_ade20k.py'
loss = [dict(type='ltseg.CrossEntropyLoss', loss_weight=0.25), dict(type='ltseg.JaccardLoss', loss_weight=0.75)]
model = dict(decode_head=dict(loss_decode=loss))
