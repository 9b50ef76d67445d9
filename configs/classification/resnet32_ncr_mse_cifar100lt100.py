# ResNet-32 with regularizers of neural collapse beside the squared error and mixup on CIFAR-100-LT, factor 100.
#     python tools/train.py configs/classification/resnet32_ncr_mse_cifar100lt100.py
# On the balanced data of the paper: --cfg-options train_dataloader.dataset.imbalance_factor=1
# Both terms begin in the middle of training.
# Not measured. NCR paper, balanced: top-1 71.9.
_base_ = './resnet32_mse_cifar100lt100.py'
model = dict(head=dict(regularizers=[
    dict(type='ltseg.WithinClassRegularizer', loss_weight=0.01, schedule=dict(start=0.5)),
    dict(type='ltseg.BetweenClassRegularizer', loss_weight=0.5, schedule=dict(start=0.5)),
]))
