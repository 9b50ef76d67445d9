# What is recommended for a pretrained encoder on CamVid: a quarter of cross entropy and three of Jaccard.
#     python tools/train.py configs/segformer-lite0_recommended_camvid.py
# Measured: docs/results.md.
_base_ = './segformer-lite0_jaccard_camvid.py'
