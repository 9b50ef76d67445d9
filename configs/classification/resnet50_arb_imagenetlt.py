# ResNet-50 with ARB-Loss under counts of the data set, and mixup, on ImageNet-LT.
#     python tools/train.py configs/classification/resnet50_arb_imagenetlt.py
# Not run by us. ARB paper: top-1 52.8, many 60.2, medium 51.8, few 38.3.
_base_ = './resnet50_ce_mixup_imagenetlt.py'
model = dict(head=dict(loss=dict(_delete_=True, type='ltseg.ARBLoss', counts='dataset')))
