# ResNet-32 with the squared error of the logits and mixup on CIFAR-10-LT, factor 100.
#     python tools/train.py configs/classification/resnet32_mse_cifar10lt100.py
# On the balanced data of the paper: --cfg-options train_dataloader.dataset.imbalance_factor=1
# The weight makes it the mean over classes of released code; mixup and weight decay are those of NC-DRW.
# Measured, 6 epochs: docs/results.md. NCR paper, balanced: top-1 91.1.
_base_ = './resnet32_ce_cifar10lt100.py'
model = dict(
    train_cfg=dict(augments=[dict(type='Mixup', alpha=0.2)]),
    head=dict(loss=dict(type='ltseg.SquaredErrorLoss', loss_weight=0.2)))
optim_wrapper = dict(optimizer=dict(weight_decay=0.0005))
