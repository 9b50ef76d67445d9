# ResNet-32 with LDAM-DRW on self-supervised pre-training (SSP) by rotations, on CIFAR-10-LT, factor 100.
#     python tools/train.py configs/classification/resnet32_ssp_cifar10lt100.py
# Measured, 6 epochs: docs/results.md.
_base_ = ['./resnet32_ldam_drw_cifar10lt100.py', '../_base_/stages/ssp.py']
stages = [
    dict(_base_.stages[0], custom_hooks=_base_.custom_hooks[:-1]),  # without DRW
    _base_.stages[1],
]
report = dict(method='SSP')
