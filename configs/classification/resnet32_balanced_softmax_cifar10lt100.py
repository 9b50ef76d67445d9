# ResNet-32 with balanced softmax on CIFAR-10-LT, factor 100.
#     python tools/train.py configs/classification/resnet32_balanced_softmax_cifar10lt100.py
# Measured, 30 epochs: docs/results.md.
_base_ = './resnet32_ce_cifar10lt100.py'
model = dict(head=dict(loss=dict(_delete_=True, type='ltseg.BalancedSoftmaxLoss')))
