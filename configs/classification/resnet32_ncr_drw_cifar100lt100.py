# ResNet-32 with regularizers of neural collapse beside DRW and mixup (NC-DRW) on CIFAR-100-LT, factor 100.
#     python tools/train.py configs/classification/resnet32_ncr_drw_cifar100lt100.py
# A run of other length needs another start: --cfg-options custom_hooks.3.begin=27
# From the paper: weights and start of the terms, mixup, steps of the learning rate. From its released code (branch
# try), as the paper is silent: alpha of mixup, DRW from epoch 180 on; and the weight decay, 0.005 in the paper.
# Both terms begin in the middle of training.
# Not measured. NCR paper: top-1 48.6.
_base_ = './resnet32_ce_drw_cifar100lt100.py'
model = dict(
    train_cfg=dict(augments=[dict(type='Mixup', alpha=0.2)]),
    head=dict(regularizers=[
        dict(type='ltseg.WithinClassRegularizer', loss_weight=0.01, schedule=dict(start=0.5)),
        dict(type='ltseg.BetweenClassRegularizer', loss_weight=0.5, schedule=dict(start=0.5)),
    ]))
optim_wrapper = dict(optimizer=dict(weight_decay=0.0005))
custom_hooks = [*_base_.custom_hooks[:-1], dict(type='ltseg.DeferredRules', begin=180)]
