# ResNet-32 with logit weight repulsion beside deferred re-weighting on CIFAR-100-LT, factor 100.
#     python tools/train.py configs/classification/resnet32_lwr_ce_drw_cifar100lt100.py
# A run of other length needs another start: --cfg-options custom_hooks.3.begin=24
# Not measured.
_base_ = './resnet32_ce_drw_cifar100lt100.py'
model = dict(head=dict(regularizers=[dict(type='ltseg.WeightRepulsion', threshold=0.4)]))
