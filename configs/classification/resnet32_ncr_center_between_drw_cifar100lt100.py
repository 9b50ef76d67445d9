# ResNet-32 with the center loss and the between-class term beside DRW and mixup on CIFAR-100-LT, factor 100.
#     python tools/train.py configs/classification/resnet32_ncr_center_between_drw_cifar100lt100.py
# An ablation of the NCR paper, in the recipe of NC-DRW.
# A run of other length needs another start: --cfg-options custom_hooks.3.begin=27
# The weight is that of the within-class term: released code has no 1/2 in the center loss.
# Not measured. NCR paper: top-1 46.5.
_base_ = './resnet32_ncr_drw_cifar100lt100.py'
model = dict(head=dict(regularizers=[
    dict(type='ltseg.CenterLoss', loss_weight=0.02, schedule=dict(start=0.5)),
    dict(type='ltseg.BetweenClassRegularizer', loss_weight=0.5, schedule=dict(start=0.5)),
]))
