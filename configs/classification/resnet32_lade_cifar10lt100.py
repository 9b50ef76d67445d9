# ResNet-32 with label distribution disentangling (LADE) on CIFAR-10-LT, factor 100: balanced softmax and LADER.
#     python tools/train.py configs/classification/resnet32_lade_cifar10lt100.py
# Weights as released for CIFAR-100-LT, in the recipe of the baseline.
# Measured, 6 epochs: docs/results.md.
_base_ = './resnet32_ce_cifar10lt100.py'
loss = [dict(type='ltseg.BalancedSoftmaxLoss'), dict(type='ltseg.LADERLoss', penalty=0.01, loss_weight=0.1)]
model = dict(head=dict(loss=loss))
report = dict(method='LADE')
