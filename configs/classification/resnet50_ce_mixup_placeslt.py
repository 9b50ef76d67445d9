# Frozen ResNet-50 and a trained block with cross entropy and mixup on Places-LT.
#     python tools/train.py configs/classification/resnet50_ce_mixup_placeslt.py
# Not run by us.
_base_ = './resnet50_ce_placeslt.py'
model = dict(train_cfg=dict(augments=[dict(type='Mixup', alpha=0.2)]))
