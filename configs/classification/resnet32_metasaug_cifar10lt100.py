# ResNet-32 with MetaSAug and LDAM on CIFAR-10-LT, factor 100: cross entropy, then features augmented by learned covariances.
#     python tools/train.py configs/classification/resnet32_metasaug_cifar10lt100.py
# Measured, 6 epochs: docs/results.md.
_base_ = ['./resnet32_ce_cifar10lt100.py', '../_base_/stages/metasaug.py']
report = dict(method='MetaSAug-LDAM')
