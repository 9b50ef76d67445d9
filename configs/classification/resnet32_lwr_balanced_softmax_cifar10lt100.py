# ResNet-32 with balanced softmax and logit weight repulsion on CIFAR-10-LT, factor 100.
#     python tools/train.py configs/classification/resnet32_lwr_balanced_softmax_cifar10lt100.py
# Measured, 30 epochs: docs/results.md.
_base_ = './resnet32_balanced_softmax_cifar10lt100.py'
model = dict(head=dict(regularizers=[dict(type='ltseg.WeightRepulsion', threshold=0.4)]))
