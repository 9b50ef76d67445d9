# ResNet-32 with context-shift augmentation (CSA) and mixup on CIFAR-10-LT, factor 100; a batch has 128 pairs.
#     python tools/train.py configs/classification/resnet32_csa_mixup_cifar10lt100.py
# The recipe of released code: images as they occur are mixed, but for the last three epochs.
# Not measured. AllNC paper: top-1 82.50.
_base_ = './resnet32_csa_cifar10lt100.py'
model = dict(train_cfg=dict(augments=[dict(type='Mixup', alpha=1.0)]), unmixed_epochs=3)
report = dict(method='CSA, mixup')
