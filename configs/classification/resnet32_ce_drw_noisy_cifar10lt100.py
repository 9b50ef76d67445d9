# ResNet-32 with cross entropy, mixup and DRW, as NC-DRW without its terms, on CIFAR-10-LT with 20 % wrong labels.
#     python tools/train.py configs/classification/resnet32_ce_drw_noisy_cifar10lt100.py
#     all rates: ltseg sweep resnet32_ce_drw_noisy_cifar10lt100.py --over train_dataloader.dataset.rate=0,0.1,0.2,0.3,0.4
# Not measured.
_base_ = './resnet32_ncr_drw_noisy_cifar10lt100.py'
model = dict(head=dict(regularizers=[]))
