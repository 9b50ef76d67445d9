# ResNet-18 with regularizers of neural collapse beside DRW and mixup (NC-DRW) on CIFAR-10-LT, factor 100.
#     python tools/train.py configs/classification/resnet18_ncr_drw_cifar10lt100.py
# A run of other length needs another start: --cfg-options custom_hooks.3.begin=27
# Not measured. NCR paper: top-1 81.0.
_base_ = './resnet32_ncr_drw_cifar10lt100.py'
model = dict(backbone=dict(_delete_=True, type='ResNet_CIFAR', depth=18), head=dict(in_channels=512))
