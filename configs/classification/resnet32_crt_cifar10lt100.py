# ResNet-32 with cRT on CIFAR-10-LT, factor 100: cross entropy, then a new classifier on balanced classes.
#     python tools/train.py configs/classification/resnet32_crt_cifar10lt100.py
# Not measured.
_base_ = ['./resnet32_ce_cifar10lt100.py', '../_base_/stages/crt.py']
report = dict(method='cRT')
