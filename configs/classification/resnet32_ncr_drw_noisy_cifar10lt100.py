# ResNet-32 with regularizers of neural collapse, mixup and DRW (NC-DRW) on CIFAR-10-LT with 20 % wrong labels.
#     python tools/train.py configs/classification/resnet32_ncr_drw_noisy_cifar10lt100.py
#     all rates: ltseg sweep resnet32_ncr_drw_noisy_cifar10lt100.py --over train_dataloader.dataset.rate=0,0.1,0.2,0.3,0.4
# Not measured.
_base_ = './resnet32_ncr_drw_cifar10lt100.py'
train_dataloader = dict(
    dataset=dict(_delete_=True, type='ltseg.NoisyLabels', rate=0.2, dataset=_base_.train_dataloader.dataset)
)
