# DeepLabv3+ with cross entropy on CamVid, model and pictures at full size, from scratch.
#     python tools/train.py configs/deeplabv3plus_ce_camvid_full.py
# Not run by us.
_base_ = [
    '_base_/models/deeplabv3plus_r50-d8.py', '_base_/datasets/camvid.py',
    '_base_/schedules/schedule_20k.py', '_base_/runtime/default.py',
]
crop_size = (352, 480)
norm_cfg = dict(type='BN', requires_grad=True)
model = dict(
    pretrained=None,
    data_preprocessor=dict(size=crop_size),
    backbone=dict(norm_cfg=norm_cfg),
    decode_head=dict(num_classes=11, norm_cfg=norm_cfg),
    auxiliary_head=dict(num_classes=11, norm_cfg=norm_cfg))
default_hooks = dict(checkpoint=dict(interval=2000))
report = dict(dataset='CamVid full')
