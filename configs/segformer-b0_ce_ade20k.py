# SegFormer MiT-B0 with cross entropy on ADE20K.
#     python tools/train.py configs/segformer-b0_ce_ade20k.py
# Not run by us.
_base_ = [
    '_base_/models/segformer_b0.py', '_base_/datasets/ade20k.py',
    '_base_/schedules/adamw_160k.py', '_base_/runtime/default.py',
]
crop_size = (512, 512)
model = dict(data_preprocessor=dict(size=crop_size), decode_head=dict(num_classes=150))
