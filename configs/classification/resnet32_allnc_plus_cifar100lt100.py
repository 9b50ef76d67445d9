# ResNet-32 with AllNC, then weight balancing of its classifier (AllNC++), on CIFAR-100-LT, factor 100.
#     python tools/train.py configs/classification/resnet32_allnc_plus_cifar100lt100.py
# The paper names weight balancing without its settings, which are those of the weight-balancing config here.
# Not measured. AllNC paper: top-1 57.01.
_base_ = ['./resnet32_allnc_cifar100lt100.py', '../_base_/stages/weight_balancing.py']
stages = [
    dict(name='representation'),
    dict(_base_.stages[1], model=dict(head=dict(loss=[dict(type='ltseg.ClassBalancedLoss')], regularizers=[]))),
]
report = dict(method='AllNC++')
