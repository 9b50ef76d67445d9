# DeepLabv3+ with cross entropy on Cityscapes.
#     python tools/train.py configs/deeplabv3plus_ce_cityscapes.py
# Not run by us. The paper's own cross entropy: mIoU 79.3, mAcc 86.3; MMSegmentation's: mIoU 80.09.
_base_ = [
    '_base_/models/deeplabv3plus_r50-d8.py', '_base_/datasets/cityscapes.py',
    '_base_/schedules/schedule_80k.py', '_base_/runtime/default.py',
]
crop_size = (512, 1024)
model = dict(data_preprocessor=dict(size=crop_size))
