# DeepLabv3+ with cross entropy on MiniCity.
#     python tools/train.py configs/deeplabv3plus_ce_minicity.py
# The demonstration of `make demo`.
_base_ = [
    '_base_/models/deeplabv3plus_r18-d16.py', '_base_/datasets/minicity.py',
    '_base_/schedules/schedule_4k.py', '_base_/runtime/default.py',
]
crop_size = (96, 192)
model = dict(data_preprocessor=dict(size=crop_size))
default_hooks = dict(checkpoint=dict(interval=400))
