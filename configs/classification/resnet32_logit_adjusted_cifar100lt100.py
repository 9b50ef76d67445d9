# ResNet-32 with the logit-adjusted loss on CIFAR-100-LT, factor 100.
#     python tools/train.py configs/classification/resnet32_logit_adjusted_cifar100lt100.py
# Not measured. NCR paper: top-1 43.9.
_base_ = './resnet32_ce_cifar100lt100.py'
model = dict(head=dict(loss=dict(_delete_=True, type='ltseg.LogitAdjustedLoss')))
