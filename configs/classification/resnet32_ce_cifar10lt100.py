# ResNet-32 with cross entropy on CIFAR-10-LT, factor 100.
#     python tools/train.py configs/classification/resnet32_ce_cifar10lt100.py
# Measured: docs/results.md.
_base_ = [
    '../_base_/models/cifar_resnet32.py', '../_base_/datasets/cifar10_lt.py',
    '../_base_/schedules/cifar_200e.py', '../_base_/runtime/classification.py',
]
model = dict(head=dict(num_classes=10))
