# ResNet-32 with cross entropy on classes drawn alike on CIFAR-100-LT, factor 100.
#     python tools/train.py configs/classification/resnet32_resample_class_balanced_cifar100lt100.py
# Not measured. NCR paper: top-1 36.7.
_base_ = './resnet32_ce_cifar100lt100.py'
train_dataloader = dict(sampler=dict(_delete_=True, type='ltseg.ClassBalancedSampler'))
