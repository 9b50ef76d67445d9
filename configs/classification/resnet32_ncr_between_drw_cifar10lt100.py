# ResNet-32 with the between-class term, on class means of the batch beside DRW and mixup on CIFAR-10-LT, factor 100.
#     python tools/train.py configs/classification/resnet32_ncr_between_drw_cifar10lt100.py
# An ablation of the NCR paper, in the recipe of NC-DRW.
# A run of other length needs another start: --cfg-options custom_hooks.3.begin=27
# Not measured. NCR paper: top-1 80.1.
_base_ = './resnet32_ncr_drw_cifar10lt100.py'
model = dict(head=dict(regularizers=[
    dict(type='ltseg.BetweenClassRegularizer', loss_weight=0.1),
]))
