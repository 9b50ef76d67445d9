# ResNet-18 with cross entropy, mixup and DRW, in the recipe of NC-DRW, on CIFAR-100-LT, factor 100.
#     python tools/train.py configs/classification/resnet18_ce_drw_cifar100lt100.py
# A run of other length needs another start: --cfg-options custom_hooks.3.begin=27
# Not measured. NCR paper: top-1 46.8.
_base_ = './resnet18_ncr_drw_cifar100lt100.py'
model = dict(head=dict(regularizers=[]))
