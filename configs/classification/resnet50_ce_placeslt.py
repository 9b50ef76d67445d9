# Frozen ResNet-50 and a trained block with cross entropy on Places-LT.
#     python tools/train.py configs/classification/resnet50_ce_placeslt.py
# Not run by us.
_base_ = [
    '../_base_/models/resnet50_frozen.py', '../_base_/datasets/places_lt.py',
    '../_base_/schedules/cosine_90e.py', '../_base_/runtime/classification.py',
]
model = dict(head=dict(num_classes=365))
