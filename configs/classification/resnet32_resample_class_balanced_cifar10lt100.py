# ResNet-32 with cross entropy on classes drawn alike on CIFAR-10-LT, factor 100.
#     python tools/train.py configs/classification/resnet32_resample_class_balanced_cifar10lt100.py
# Not measured. NCR paper: top-1 72.8.
_base_ = './resnet32_ce_cifar10lt100.py'
train_dataloader = dict(sampler=dict(_delete_=True, type='ltseg.ClassBalancedSampler'))
