# ResNet-32 as a hybrid network with prototypical contrast (Hybrid-PSC) on CIFAR-10-LT, factor 100.
#     python tools/train.py configs/classification/resnet32_hybrid_psc_cifar10lt100.py
# Measured, 6 epochs: docs/results.md.
_base_ = './resnet32_hybrid_sc_cifar10lt100.py'
model = dict(head=dict(regularizers=[
    dict(
        type='ltseg.PrototypicalContrastiveLoss', temperature=1.0,
        schedule=dict(shape='cumulative', unit='epoch')),
]))
