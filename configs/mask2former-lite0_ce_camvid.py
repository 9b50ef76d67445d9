# A small Mask2Former on a pretrained EfficientNet-Lite0 with cross entropy of its queries on CamVid at full size.
#     python tools/train.py configs/mask2former-lite0_ce_camvid.py
# Measured, 400 iterations: docs/results.md.
_base_ = [
    '_base_/models/mask2former_lite0.py', '_base_/datasets/camvid.py',
    '_base_/schedules/adamw_masks_4k.py', '_base_/runtime/default.py',
]
crop_size = (352, 480)
model = dict(
    data_preprocessor=dict(size=crop_size),
    decode_head=dict(num_classes=11, loss_cls=dict(class_weight=[1.0] * 11 + [0.1])))
