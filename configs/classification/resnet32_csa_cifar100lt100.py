# ResNet-32 with context-shift augmentation (CSA) on CIFAR-100-LT, factor 100; a batch has 128 pairs.
#     python tools/train.py configs/classification/resnet32_csa_cifar100lt100.py
# The recipe of released code.
# Not measured.
_base_ = './resnet32_ce_cifar100lt100.py'
model = dict(type='ltseg.ContextShiftClassifier', bank_size=128, begin=10)
train_dataloader = dict(
    batch_size=256,
    sampler=dict(_delete_=True, type='ltseg.BilateralSampler', second=dict(type='ltseg.ClassAwareSampler')))
optim_wrapper = dict(optimizer=dict(lr=0.2))
report = dict(method='CSA')
