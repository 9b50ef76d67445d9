# ResNet-32 with regularizers of neural collapse beside the logit-adjusted loss on CIFAR-100-LT, factor 100.
#     python tools/train.py configs/classification/resnet32_ncr_logit_adjusted_cifar100lt100.py
# Both terms begin in the middle of training.
# Not measured. NCR paper: top-1 44.6, 43.9 without the terms.
_base_ = './resnet32_logit_adjusted_cifar100lt100.py'
model = dict(head=dict(regularizers=[
    dict(type='ltseg.WithinClassRegularizer', loss_weight=0.01, schedule=dict(start=0.5)),
    dict(type='ltseg.BetweenClassRegularizer', loss_weight=0.5, schedule=dict(start=0.5)),
]))
optim_wrapper = dict(optimizer=dict(weight_decay=0.0005))
