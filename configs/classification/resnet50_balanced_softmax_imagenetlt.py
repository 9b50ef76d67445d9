# ResNet-50 with balanced softmax on ImageNet-LT.
#     python tools/train.py configs/classification/resnet50_balanced_softmax_imagenetlt.py
# Not run by us. LWR poster, recipe unknown: top-1 48.7, many 60.5, medium 46.2, few 24.0.
_base_ = './resnet50_ce_imagenetlt.py'
model = dict(head=dict(loss=dict(_delete_=True, type='ltseg.BalancedSoftmaxLoss')))
