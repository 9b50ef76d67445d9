# ResNet-32 with LWS on CIFAR-100-LT, factor 100: cross entropy, then a scale for each class.
#     python tools/train.py configs/classification/resnet32_lws_cifar100lt100.py
# Not measured.
_base_ = ['./resnet32_ce_cifar100lt100.py', '../_base_/stages/lws.py']
report = dict(method='LWS')
