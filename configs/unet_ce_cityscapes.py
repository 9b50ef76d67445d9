# U-Net with cross entropy on Cityscapes.
#     python tools/train.py configs/unet_ce_cityscapes.py
# Not run by us. The paper's own cross entropy: mIoU 67.6, mAcc 74.6; MMSegmentation's: mIoU 69.10.
_base_ = [
    '_base_/models/unet_s5-d16.py', '_base_/datasets/cityscapes.py',
    '_base_/schedules/schedule_160k.py', '_base_/runtime/default.py',
]
crop_size = (512, 1024)
model = dict(data_preprocessor=dict(size=crop_size))
train_dataloader = dict(batch_size=4)
