# ResNet-32 with range loss beside cross entropy on CIFAR-10-LT, factor 100.
#     python tools/train.py configs/classification/resnet32_range_loss_cifar10lt100.py
# The weight is ours: it goes with the lengths of the features.
# Measured, 6 epochs: docs/results.md.
_base_ = './resnet32_ce_cifar10lt100.py'
model = dict(head=dict(regularizers=[dict(type='ltseg.RangeLoss', loss_weight=0.0001)]))
