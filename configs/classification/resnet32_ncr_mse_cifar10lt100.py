# ResNet-32 with regularizers of neural collapse beside the squared error and mixup on CIFAR-10-LT, factor 100.
#     python tools/train.py configs/classification/resnet32_ncr_mse_cifar10lt100.py
# On the balanced data of the paper: --cfg-options train_dataloader.dataset.imbalance_factor=1
# Not measured. NCR paper, balanced: top-1 91.7.
_base_ = './resnet32_mse_cifar10lt100.py'
model = dict(head=dict(regularizers=[
    dict(type='ltseg.WithinClassRegularizer', loss_weight=0.01),
    dict(type='ltseg.BetweenClassRegularizer', loss_weight=0.1),
]))
