# SegFormer's head on a pretrained EfficientNet-Lite0 with cross entropy and pairwise ranking on CamVid at full size.
#     python tools/train.py configs/segformer-lite0_ranking_camvid.py
# Measured on the frozen encoder: docs/results.md.
_base_ = './segformer-lite0_ce_camvid.py'
loss = [dict(type='ltseg.CrossEntropyLoss'), dict(type='ltseg.PairwiseRankingLoss', loss_weight=0.5)]
model = dict(decode_head=dict(loss_decode=loss))
