# SegFormer MiT-B0 with cross entropy on Potsdam.
#     python tools/train.py configs/segformer-b0_ce_potsdam.py
# Not run by us.
_base_ = [
    '_base_/models/segformer_b0.py', '_base_/datasets/potsdam.py',
    '_base_/schedules/adamw_80k.py', '_base_/runtime/default.py',
]
crop_size = (512, 512)
model = dict(data_preprocessor=dict(size=crop_size), decode_head=dict(num_classes=6))
