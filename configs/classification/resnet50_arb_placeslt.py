# Frozen ResNet-50 and a trained block with ARB-Loss under counts of the data set, and mixup, on Places-LT.
#     python tools/train.py configs/classification/resnet50_arb_placeslt.py
# Not run by us. ARB paper: top-1 39.7, many 41.9, medium 41.5, few 32.1.
_base_ = './resnet50_ce_mixup_placeslt.py'
model = dict(head=dict(loss=dict(_delete_=True, type='ltseg.ARBLoss', counts='dataset')))
