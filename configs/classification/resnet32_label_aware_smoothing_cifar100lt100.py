# ResNet-32 with label-aware smoothing on CIFAR-100-LT, factor 100.
#     python tools/train.py configs/classification/resnet32_label_aware_smoothing_cifar100lt100.py
# Not measured.
_base_ = './resnet32_ce_cifar100lt100.py'
model = dict(head=dict(loss=dict(_delete_=True, type='ltseg.LabelAwareSmoothingLoss', head=0.4, tail=0.1)))
