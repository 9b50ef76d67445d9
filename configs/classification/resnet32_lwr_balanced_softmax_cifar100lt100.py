# ResNet-32 with balanced softmax and logit weight repulsion on CIFAR-100-LT, factor 100.
#     python tools/train.py configs/classification/resnet32_lwr_balanced_softmax_cifar100lt100.py
# Not measured. LWR paper: top-1 50.7.
_base_ = './resnet32_balanced_softmax_cifar100lt100.py'
model = dict(head=dict(regularizers=[dict(type='ltseg.WeightRepulsion', threshold=0.4)]))
