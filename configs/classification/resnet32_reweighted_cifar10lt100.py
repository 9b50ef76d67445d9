# ResNet-32 with cross entropy weighted by 1 / n on CIFAR-10-LT, factor 100.
#     python tools/train.py configs/classification/resnet32_reweighted_cifar10lt100.py
# Not measured. NCR paper: top-1 74.4.
_base_ = './resnet32_ce_cifar10lt100.py'
model = dict(head=dict(loss=dict(_delete_=True, type='ltseg.ReweightedLoss')))
