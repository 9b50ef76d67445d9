# ResNet-32 with GCL in both stages on CIFAR-10-LT, factor 100: the second goes on with the classifier alone.
#     python tools/train.py configs/classification/resnet32_gcl_crt_cifar10lt100.py
# Measured, 6 epochs: docs/results.md.
_base_ = ['./resnet32_gcl_cifar10lt100.py', '../_base_/stages/gcl.py']
report = dict(method='GCL')
