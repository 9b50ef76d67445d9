# ResNet-50 with AllNC, then weight balancing of its classifier (AllNC++), on iNaturalist 2018.
#     python tools/train.py configs/classification/resnet50_allnc_plus_inaturalist2018.py
# The paper names weight balancing without its settings, which are those of the weight-balancing config for CIFAR.
# Not run by us. AllNC paper: top-1 71.9, many 72.3, medium 72.2, few 71.6.
_base_ = ['./resnet50_allnc_inaturalist2018.py', '../_base_/stages/weight_balancing.py']
stages = [
    dict(name='representation'),
    dict(_base_.stages[1], model=dict(head=dict(loss=[dict(type='ltseg.ClassBalancedLoss')], regularizers=[]))),
]
report = dict(method='AllNC++')
