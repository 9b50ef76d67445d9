# ResNeXt-50 with label distribution disentangling (LADE) on ImageNet-LT: balanced softmax and LADER.
#     python tools/train.py configs/classification/resnext50_lade_imagenetlt.py
# Weights as released, in the recipe of the baseline; LADE's own has a rate of 0.05, 180 epochs and no RandAugment.
# Not run by us. BCL paper: top-1 51.9, many 62.3, medium 49.3, few 31.2; after 180 epochs 53.0, 65.1, 48.9, 33.4.
_base_ = './resnext50_ce_imagenetlt.py'
loss = [dict(type='ltseg.BalancedSoftmaxLoss'), dict(type='ltseg.LADERLoss', penalty=0.5, loss_weight=0.05)]
model = dict(head=dict(loss=loss))
report = dict(method='LADE')
