# DeepLabv3+ with cross entropy on CamVid.
#     python tools/train.py configs/deeplabv3plus_ce_camvid.py
# Measured: docs/results.md.
_base_ = [
    '_base_/models/deeplabv3plus_r18-d16.py', '_base_/datasets/camvid_half.py',
    '_base_/schedules/schedule_4k.py', '_base_/runtime/default.py',
]
crop_size = (160, 224)
model = dict(
    data_preprocessor=dict(size=crop_size),
    decode_head=dict(num_classes=11),
    auxiliary_head=dict(num_classes=11))
default_hooks = dict(checkpoint=dict(interval=400))
