# ResNet-32 with balanced softmax and logit weight repulsion on CIFAR-100-LT, factor 100.
#     python tools/train.py configs/classification/resnet32_lwr_balanced_softmax_cifar100lt100.py
# Not measured. LWR poster: top-1 49.3 without the schedule; 50.7 with it and with a projection, which may be in the gradient already.
_base_ = './resnet32_balanced_softmax_cifar100lt100.py'
model = dict(head=dict(regularizers=[dict(type='ltseg.WeightRepulsion', threshold=0.4)]))
