# ResNet-32 with context-shift augmentation (CSA) on CIFAR-10-LT, factor 100; a batch has 128 pairs.
#     python tools/train.py configs/classification/resnet32_csa_cifar10lt100.py
# The recipe of released code.
# Measured, 6 epochs: docs/results.md.
_base_ = './resnet32_ce_cifar10lt100.py'
model = dict(type='ltseg.ContextShiftClassifier', bank_size=128, begin=10)
train_dataloader = dict(
    batch_size=256,
    sampler=dict(_delete_=True, type='ltseg.BilateralSampler', second=dict(type='ltseg.ClassAwareSampler')))
optim_wrapper = dict(optimizer=dict(lr=0.2))
report = dict(method='CSA')
