# ResNet-32 with cross entropy, re-weighted from epoch 160 on (DRW), on CIFAR-10-LT, factor 100, with 20 % wrong labels.
#     python tools/train.py configs/classification/resnet32_ce_drw_noisy_cifar10lt100.py
#     all rates: ltseg sweep resnet32_ce_drw_noisy_cifar10lt100.py --over train_dataloader.dataset.rate=0,0.1,0.2,0.3,0.4
# Not measured.
_base_ = './resnet32_ce_drw_cifar10lt100.py'
train_dataloader = dict(
    dataset=dict(_delete_=True, type='ltseg.NoisyLabels', rate=0.2, dataset=_base_.train_dataloader.dataset)
)
