# ResNet-32 with a prototype classifier on CIFAR-10-LT, factor 100: cross entropy, then prototypes on balanced classes.
#     python tools/train.py configs/classification/resnet32_prototypes_cifar10lt100.py
# Measured, 6 epochs: docs/results.md.
_base_ = ['./resnet32_ce_cifar10lt100.py', '../_base_/stages/prototypes.py']
report = dict(method='prototypes')
