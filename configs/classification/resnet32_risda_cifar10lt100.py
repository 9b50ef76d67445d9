# ResNet-32 with RISDA on CIFAR-10-LT, factor 100: cross entropy, then a classifier of features that vary as similar classes.
#     python tools/train.py configs/classification/resnet32_risda_cifar10lt100.py
# Measured, 6 epochs: docs/results.md.
_base_ = ['./resnet32_ce_cifar10lt100.py', '../_base_/stages/risda.py']
report = dict(method='RISDA')
