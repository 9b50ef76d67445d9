# ResNet-32 with the focal loss on CIFAR-100-LT, factor 100.
#     python tools/train.py configs/classification/resnet32_focal_cifar100lt100.py
# Not measured.
_base_ = './resnet32_ce_cifar100lt100.py'
model = dict(head=dict(loss=dict(_delete_=True, type='ltseg.FocalLoss')))
