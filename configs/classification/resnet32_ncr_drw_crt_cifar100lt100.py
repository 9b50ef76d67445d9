# ResNet-32 with NC-DRW, then its classifier alone on balanced classes (NC-DRW-cRT), on CIFAR-100-LT, factor 100.
#     python tools/train.py configs/classification/resnet32_ncr_drw_crt_cifar100lt100.py
# Not measured. NCR paper: top-1 48.7.
_base_ = ['./resnet32_ncr_drw_cifar100lt100.py', '../_base_/stages/ncr_crt.py']
stages = [
    _base_.stages[0],
    dict(_base_.stages[1], custom_hooks=_base_.custom_hooks[:-1]),  # without DRW
]
report = dict(method='NC-DRW-cRT')
