# ResNet-32 with cross entropy on CIFAR-100-LT, factor 100.
#     python tools/train.py configs/classification/resnet32_ce_cifar100lt100.py
# Not measured.
_base_ = [
    '../_base_/models/cifar_resnet32.py', '../_base_/datasets/cifar100_lt.py',
    '../_base_/schedules/cifar_200e.py', '../_base_/runtime/classification.py',
]
model = dict(head=dict(num_classes=100))
