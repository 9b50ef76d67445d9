# ResNet-32 with the center loss beside DRW, an ablation of the NCR paper, on CIFAR-100-LT, factor 100.
#     python tools/train.py configs/classification/resnet32_center_loss_drw_cifar100lt100.py
# A run of other length needs another start: --cfg-options custom_hooks.3.begin=24
# The weight is that of the paper's within-class term.
# Not measured. NCR paper: top-1 46.3.
_base_ = './resnet32_ce_drw_cifar100lt100.py'
model = dict(head=dict(regularizers=[dict(type='ltseg.CenterLoss', loss_weight=0.01)]))
optim_wrapper = dict(optimizer=dict(weight_decay=0.0005))
