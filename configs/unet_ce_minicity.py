# U-Net with cross entropy on MiniCity.
#     python tools/train.py configs/unet_ce_minicity.py
# Not measured.
_base_ = [
    '_base_/models/unet_s5-d16_small.py', '_base_/datasets/minicity.py',
    '_base_/schedules/schedule_4k.py', '_base_/runtime/default.py',
]
crop_size = (96, 192)
model = dict(data_preprocessor=dict(size=crop_size))
default_hooks = dict(checkpoint=dict(interval=400))
