# SegFormer's head on a pretrained EfficientNet-Lite0 with 0.25 x cross entropy + 0.75 x Jaccard on CamVid.
#     python tools/train.py configs/segformer-lite0_jaccard_camvid.py
# Measured: docs/results.md.
_base_ = './segformer-lite0_ce_camvid.py'
loss = [dict(type='ltseg.CrossEntropyLoss', loss_weight=0.25), dict(type='ltseg.JaccardLoss', loss_weight=0.75)]
model = dict(decode_head=dict(loss_decode=loss))
