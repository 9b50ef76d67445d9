# ResNet-50 with a fixed simplex classifier, dot regression and mixup on ImageNet-LT.
#     python tools/train.py configs/classification/resnet50_etf_imagenetlt.py
# Not run by us. NCR paper: top-1 44.7.
_base_ = './resnet50_ce_mixup_imagenetlt.py'
model = dict(head=dict(
    classifier=dict(type='ltseg.ETFClassifier'), loss=dict(_delete_=True, type='ltseg.DotRegressionLoss')))
