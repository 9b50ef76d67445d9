# ResNet-32 with DisAlign on CIFAR-100-LT, factor 100: cross entropy, then calibration of its logits.
#     python tools/train.py configs/classification/resnet32_disalign_cifar100lt100.py
# Not measured.
_base_ = ['./resnet32_ce_cifar100lt100.py', '../_base_/stages/disalign.py']
report = dict(method='DisAlign')
