# ResNet-32 with DisAlign on CIFAR-10-LT, factor 100: cross entropy, then calibration of its logits.
#     python tools/train.py configs/classification/resnet32_disalign_cifar10lt100.py
# Not measured.
_base_ = ['./resnet32_ce_cifar10lt100.py', '../_base_/stages/disalign.py']
report = dict(method='DisAlign')
