# ResNeXt-50 with AllNC, then weight balancing of its classifier (AllNC++), on ImageNet-LT.
#     python tools/train.py configs/classification/resnext50_allnc_plus_imagenetlt.py
# The paper names weight balancing without its settings, which are those of the weight-balancing config for CIFAR.
# Not run by us. AllNC paper: top-1 56.9, many 67.9, medium 54.9, few 33.7.
_base_ = ['./resnext50_allnc_imagenetlt.py', '../_base_/stages/weight_balancing.py']
stages = [
    dict(name='representation'),
    dict(_base_.stages[1], model=dict(head=dict(loss=[dict(type='ltseg.ClassBalancedLoss')], regularizers=[]))),
]
report = dict(method='AllNC++')
