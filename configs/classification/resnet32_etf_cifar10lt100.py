# ResNet-32 with a fixed simplex classifier, dot regression and mixup on CIFAR-10-LT, factor 100.
#     python tools/train.py configs/classification/resnet32_etf_cifar10lt100.py
# Not measured.
_base_ = './resnet32_ce_mixup_cifar10lt100.py'
model = dict(head=dict(
    classifier=dict(type='ltseg.ETFClassifier'), loss=dict(_delete_=True, type='ltseg.DotRegressionLoss')))
