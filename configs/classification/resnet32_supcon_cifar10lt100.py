# ResNet-32 with supervised contrastive learning beside the logit-adjusted loss on CIFAR-10-LT, factor 100.
#     python tools/train.py configs/classification/resnet32_supcon_cifar10lt100.py
# Not measured.
_base_ = './resnet32_bcl_cifar10lt100.py'
model = dict(head=dict(regularizers=[
    dict(type='ltseg.SupervisedContrastiveLoss', temperature=0.1, views=(1, 2), loss_weight=0.6),
]))
