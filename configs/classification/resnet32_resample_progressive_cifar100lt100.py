# ResNet-32 with progressive sampling, from images drawn alike to classes drawn alike, on CIFAR-100-LT, factor 100.
#     python tools/train.py configs/classification/resnet32_resample_progressive_cifar100lt100.py
# Not measured.
_base_ = './resnet32_ce_cifar100lt100.py'
train_dataloader = dict(sampler=dict(_delete_=True, type='ltseg.ClassBalancedSampler', mode='progressive'))
