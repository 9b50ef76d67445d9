# SegFormer's head on a pretrained EfficientNet-Lite0 with cross entropy on CamVid at full size.
#     python tools/train.py configs/segformer-lite0_ce_camvid.py
# Measured: docs/results.md.
_base_ = [
    '_base_/models/segformer_lite0.py', '_base_/datasets/camvid.py',
    '_base_/schedules/adamw_1000.py', '_base_/runtime/default.py',
]
crop_size = (352, 480)
model = dict(data_preprocessor=dict(size=crop_size), decode_head=dict(num_classes=11))
default_hooks = dict(checkpoint=dict(interval=250))
