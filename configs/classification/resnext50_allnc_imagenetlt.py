# ResNeXt-50 with all-around neural collapse (AllNC) on ImageNet-LT.
#     python tools/train.py configs/classification/resnext50_allnc_imagenetlt.py
# Ours, as the paper is silent: alpha 1, exponent 1 of the re-weighting, gamma 3, 90 epochs on a cosine.
# Not run by us. AllNC paper: top-1 56.5, many 68.0, medium 54.5, few 32.6.
_base_ = [
    '../_base_/models/resnext50.py', '../_base_/datasets/imagenet_lt_two_views.py',
    '../_base_/schedules/cosine_90e.py', '../_base_/runtime/classification.py', '../_base_/heads/allnc.py',
]
model = dict(head=_base_.allnc_head)
optim_wrapper = dict(optimizer=dict(weight_decay=0.0002))
report = dict(method='AllNC')
