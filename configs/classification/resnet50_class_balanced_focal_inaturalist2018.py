# ResNet-50 with the class-balanced focal loss on iNaturalist 2018.
#     python tools/train.py configs/classification/resnet50_class_balanced_focal_inaturalist2018.py
# Not run by us. ARB paper (ResNet-152): top-1 61.1.
_base_ = './resnet50_ce_inaturalist2018.py'
model = dict(head=dict(loss=dict(_delete_=True, type='ltseg.ClassBalancedLoss', focusing=1.0)))
