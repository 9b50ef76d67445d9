# ResNet-32 with the class-balanced focal loss on CIFAR-10-LT, factor 100.
#     python tools/train.py configs/classification/resnet32_class_balanced_focal_cifar10lt100.py
# Not measured.
_base_ = './resnet32_ce_cifar10lt100.py'
model = dict(head=dict(loss=dict(_delete_=True, type='ltseg.ClassBalancedLoss', focusing=1.0)))
