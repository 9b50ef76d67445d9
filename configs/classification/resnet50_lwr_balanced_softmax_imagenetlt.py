# ResNet-50 with balanced softmax and logit weight repulsion on ImageNet-LT.
#     python tools/train.py configs/classification/resnet50_lwr_balanced_softmax_imagenetlt.py
# Not run by us. LWR poster, recipe unknown: top-1 51.5, many 62.6, medium 49.2, few 30.7.
_base_ = './resnet50_balanced_softmax_imagenetlt.py'
model = dict(head=dict(regularizers=[dict(type='ltseg.WeightRepulsion', threshold=0.4)]))
