# ResNet-50 with all-around neural collapse (AllNC) on iNaturalist 2018.
#     python tools/train.py configs/classification/resnet50_allnc_inaturalist2018.py
# Ours, as the paper is silent: alpha 1, exponent 1 of the re-weighting, gamma 3, 90 epochs on a cosine.
# Not run by us. AllNC paper: top-1 71.5, many 72.6, medium 72.0, few 70.8.
_base_ = [
    '../_base_/models/resnet50.py', '../_base_/datasets/inaturalist2018_two_views.py',
    '../_base_/schedules/cosine_90e.py', '../_base_/runtime/classification.py', '../_base_/heads/allnc.py',
]
model = dict(head=dict(num_classes=8142, **_base_.allnc_head))
optim_wrapper = dict(optimizer=dict(weight_decay=0.0002))
report = dict(method='AllNC')
