# ResNet-32 with a fixed simplex classifier, dot regression and mixup, twice as wide, on CIFAR-100-LT, factor 100.
#     python tools/train.py configs/classification/resnet32_etf_cifar100lt100.py
# Not measured.
_base_ = './resnet32_ce_mixup_cifar100lt100.py'
model = dict(
    backbone=dict(base_channels=32),  # a simplex of 100 classes needs 99 feature dimensions
    head=dict(
        in_channels=128,
        classifier=dict(type='ltseg.ETFClassifier'),
        loss=dict(_delete_=True, type='ltseg.DotRegressionLoss')))
