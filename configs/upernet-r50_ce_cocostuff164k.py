# UPerNet R50 with cross entropy on COCO-Stuff 164k.
#     python tools/train.py configs/upernet-r50_ce_cocostuff164k.py
# Not run by us.
_base_ = [
    '_base_/models/upernet_r50.py', '_base_/datasets/coco_stuff164k.py',
    '_base_/schedules/schedule_160k.py', '_base_/runtime/default.py',
]
crop_size = (512, 512)
model = dict(data_preprocessor=dict(size=crop_size), decode_head=dict(num_classes=171), auxiliary_head=dict(num_classes=171))
