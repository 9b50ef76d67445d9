# ResNet-32 with vector scaling on CIFAR-10-LT, factor 100.
#     python tools/train.py configs/classification/resnet32_vs_cifar10lt100.py
# Not measured.
_base_ = './resnet32_ce_cifar10lt100.py'
# The values that its authors give for these data.
model = dict(head=dict(loss=dict(_delete_=True, type='ltseg.VSLoss', gamma=0.2, tau=1.2)))
