# ResNet-32 with weight balancing on CIFAR-10-LT, factor 100: strong weight decay, then class vectors within a ball.
#     python tools/train.py configs/classification/resnet32_weight_balancing_cifar10lt100.py
# Not measured.
_base_ = ['./resnet32_ce_cifar10lt100.py', '../_base_/stages/weight_balancing.py']
report = dict(method='weight balancing')
