# ResNet-50 with ARB-Loss under counts of the data set, and mixup, on iNaturalist 2018.
#     python tools/train.py configs/classification/resnet50_arb_inaturalist2018.py
# Not run by us. The ARB paper has ResNet-152.
_base_ = './resnet50_ce_mixup_inaturalist2018.py'
model = dict(head=dict(loss=dict(_delete_=True, type='ltseg.ARBLoss', counts='dataset')))
