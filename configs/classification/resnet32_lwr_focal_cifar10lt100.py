# ResNet-32 with the focal loss and logit weight repulsion on CIFAR-10-LT, factor 100.
#     python tools/train.py configs/classification/resnet32_lwr_focal_cifar10lt100.py
# Not measured.
_base_ = './resnet32_focal_cifar10lt100.py'
model = dict(head=dict(regularizers=[dict(type='ltseg.WeightRepulsion', threshold=0.4)]))
