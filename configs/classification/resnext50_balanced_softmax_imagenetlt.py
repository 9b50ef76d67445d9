# ResNeXt-50 with balanced softmax and RandAugment on ImageNet-LT.
#     python tools/train.py configs/classification/resnext50_balanced_softmax_imagenetlt.py
# Not run by us. BCL paper: top-1 51.4, many 62.2, medium 48.8, few 29.8.
_base_ = './resnext50_ce_imagenetlt.py'
model = dict(head=dict(loss=dict(_delete_=True, type='ltseg.BalancedSoftmaxLoss')))
