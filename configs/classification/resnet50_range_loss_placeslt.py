# ResNet-50 with range loss beside cross entropy on Places-LT.
#     python tools/train.py configs/classification/resnet50_range_loss_placeslt.py
# The weight is ours: it goes with the lengths of the features.
# Not run by us. ARB paper: top-1 35.1, many 41.1, medium 35.4, few 23.2.
_base_ = './resnet50_ce_placeslt.py'
model = dict(head=dict(regularizers=[dict(type='ltseg.RangeLoss', loss_weight=0.0001)]))
