# ResNet-32 with LWS on CIFAR-10-LT, factor 100: cross entropy and mixup, then a scale for each class.
#     python tools/train.py configs/classification/resnet32_lws_mixup_cifar10lt100.py
# Not measured. AllNC paper: top-1 76.30.
_base_ = ['./resnet32_ce_mixup_cifar10lt100.py', '../_base_/stages/lws.py']
stages = [
    _base_.stages[0],
    dict(_base_.stages[1], model=dict(_base_.stages[1].model, train_cfg=None)),  # without mixup
]
report = dict(method='LWS, mixup')
