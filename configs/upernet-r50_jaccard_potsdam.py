# UPerNet R50 with 0.25 x cross entropy + 0.75 x Jaccard on Potsdam.
#     python tools/train.py configs/upernet-r50_jaccard_potsdam.py
# Not run by us.
_base_ = './upernet-r50_ce_potsdam.py'
loss = [dict(type='ltseg.CrossEntropyLoss', loss_weight=0.25), dict(type='ltseg.JaccardLoss', loss_weight=0.75)]
model = dict(decode_head=dict(loss_decode=loss))
