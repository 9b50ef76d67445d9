# What is recommended for a pretrained encoder on CamVid: 0.25 x cross entropy + 0.75 x Jaccard.
#     python tools/train.py configs/segformer-lite0_recommended_camvid.py
# Measured as segformer-lite0_jaccard_camvid.py: docs/results.md.
_base_ = './segformer-lite0_jaccard_camvid.py'
