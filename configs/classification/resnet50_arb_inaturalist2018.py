# ResNet-50 with ARB-Loss under counts of the data set, and mixup, on iNaturalist 2018.
#     python tools/train.py configs/classification/resnet50_arb_inaturalist2018.py
# Not run by us. ARB paper (ResNet-152): top-1 71.7, many 71.9, medium 72.1, few 71.7.
_base_ = './resnet50_ce_mixup_inaturalist2018.py'
model = dict(head=dict(loss=dict(_delete_=True, type='ltseg.ARBLoss', counts='dataset')))
