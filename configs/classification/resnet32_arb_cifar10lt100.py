# ResNet-32 with ARB-Loss under counts of the batch, and mixup, on CIFAR-10-LT, factor 100.
#     python tools/train.py configs/classification/resnet32_arb_cifar10lt100.py
# Measured, 30 and 200 epochs: docs/results.md.
_base_ = './resnet32_ce_mixup_cifar10lt100.py'
model = dict(head=dict(loss=dict(_delete_=True, type='ltseg.ARBLoss')))
