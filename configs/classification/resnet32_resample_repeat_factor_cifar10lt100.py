# ResNet-32 with cross entropy on repeated images of classes rarer than 1 / K on CIFAR-10-LT, factor 100.
#     python tools/train.py configs/classification/resnet32_resample_repeat_factor_cifar10lt100.py
# Not measured.
_base_ = './resnet32_ce_cifar10lt100.py'
train_dataloader = dict(sampler=dict(_delete_=True, type='ltseg.RepeatFactorSampler', threshold=0.1))
