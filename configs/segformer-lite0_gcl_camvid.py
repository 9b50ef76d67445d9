# SegFormer's head on a pretrained EfficientNet-Lite0 with GCL on a cosine classifier, strength as for CIFAR, on CamVid.
#     python tools/train.py configs/segformer-lite0_gcl_camvid.py
# Measured on the frozen encoder: docs/results.md.
_base_ = './segformer-lite0_ce_camvid.py'
model = dict(
    decode_head=dict(
        classifier=dict(type='ltseg.CosineClassifier'),
        loss_decode=dict(_delete_=True, type='ltseg.GCLLoss', strength=0.5)))
