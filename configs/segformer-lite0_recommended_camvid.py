# What is recommended for a pretrained encoder on CamVid: class weights 1 / sqrt(n), then `ltseg adjust`.
#     python tools/train.py configs/segformer-lite0_recommended_camvid.py
# Measured: docs/results.md. On the trained model, `ltseg adjust` chose tau = -0.25 on val with both seeds.
_base_ = './segformer-lite0_sqrt_weights_camvid.py'
