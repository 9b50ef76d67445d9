# ResNet-32 with cross entropy and mixup on CIFAR-10-LT, factor 100.
#     python tools/train.py configs/classification/resnet32_ce_mixup_cifar10lt100.py
# Measured, 30 epochs: docs/results.md.
_base_ = './resnet32_ce_cifar10lt100.py'
model = dict(train_cfg=dict(augments=[dict(type='Mixup', alpha=1.0)]))
