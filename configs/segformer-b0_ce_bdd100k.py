# SegFormer MiT-B0 with cross entropy on BDD100K.
#     python tools/train.py configs/segformer-b0_ce_bdd100k.py
# Not run by us.
_base_ = [
    '_base_/models/segformer_b0.py', '_base_/datasets/bdd100k.py',
    '_base_/schedules/adamw_80k.py', '_base_/runtime/default.py',
]
crop_size = (512, 1024)
model = dict(data_preprocessor=dict(size=crop_size), decode_head=dict(num_classes=19))
