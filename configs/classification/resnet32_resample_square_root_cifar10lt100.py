# ResNet-32 with cross entropy on classes drawn by the square root of their size on CIFAR-10-LT, factor 100.
#     python tools/train.py configs/classification/resnet32_resample_square_root_cifar10lt100.py
# Not measured.
_base_ = './resnet32_ce_cifar10lt100.py'
train_dataloader = dict(sampler=dict(_delete_=True, type='ltseg.ClassBalancedSampler', mode='square_root'))
