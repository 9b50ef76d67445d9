# ResNet-50 with cross entropy on iNaturalist 2018.
#     python tools/train.py configs/classification/resnet50_ce_inaturalist2018.py
# Not run by us.
_base_ = [
    '../_base_/models/resnet50.py', '../_base_/datasets/inaturalist2018.py',
    '../_base_/schedules/cosine_200e.py', '../_base_/runtime/classification.py',
]
model = dict(head=dict(num_classes=8142))
optim_wrapper = dict(optimizer=dict(weight_decay=0.0001))
