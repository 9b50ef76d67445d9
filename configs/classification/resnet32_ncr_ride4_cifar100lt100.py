# ResNet-32 with regularizers of neural collapse on the features of four experts (RIDE) on CIFAR-100-LT, factor 100.
#     python tools/train.py configs/classification/resnet32_ncr_ride4_cifar100lt100.py
# A run of other length needs other starts: --cfg-options custom_hooks.3.begin=24 model.head.loss.1.begin=24
# Both terms begin in the middle of training.
# Not measured. NCR paper: top-1 49.1.
_base_ = './resnet32_ride4_cifar100lt100.py'
model = dict(head=dict(regularizers=[
    dict(type='ltseg.WithinClassRegularizer', loss_weight=0.01, schedule=dict(start=0.5)),
    dict(type='ltseg.BetweenClassRegularizer', loss_weight=0.5, schedule=dict(start=0.5)),
]))
optim_wrapper = dict(optimizer=dict(weight_decay=0.0005))
report = dict(method='RIDE, four experts, NCR')
