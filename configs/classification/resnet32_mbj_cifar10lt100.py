# ResNet-32 with cross entropy and memory-based jitter (MBJ) on CIFAR-10-LT, factor 100.
#     python tools/train.py configs/classification/resnet32_mbj_cifar10lt100.py
# The size of the memory is ours.
# Measured, 6 epochs: docs/results.md.
_base_ = './resnet32_ce_cifar10lt100.py'
model = dict(head=dict(regularizers=[dict(type='ltseg.MemoryJitter')]))
