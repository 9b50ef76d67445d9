# ResNet-32 with regularizers of neural collapse beside the logit-adjusted loss on CIFAR-10-LT, factor 100.
#     python tools/train.py configs/classification/resnet32_ncr_logit_adjusted_cifar10lt100.py
# Not measured. NCR paper: top-1 78.8, 77.4 without the terms.
_base_ = './resnet32_logit_adjusted_cifar10lt100.py'
model = dict(head=dict(regularizers=[
    dict(type='ltseg.WithinClassRegularizer', loss_weight=0.01),
    dict(type='ltseg.BetweenClassRegularizer', loss_weight=0.1),
]))
optim_wrapper = dict(optimizer=dict(weight_decay=0.0005))
