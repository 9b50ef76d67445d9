# ResNet-32 with supervised contrastive learning beside the logit-adjusted loss on CIFAR-100-LT, factor 100.
#     python tools/train.py configs/classification/resnet32_supcon_cifar100lt100.py
# Not measured. BCL paper, 400 epochs: top-1 52.4.
_base_ = './resnet32_bcl_cifar100lt100.py'
model = dict(head=dict(regularizers=[
    dict(type='ltseg.SupervisedContrastiveLoss', temperature=0.1, views=(1, 2), loss_weight=0.6),
]))
