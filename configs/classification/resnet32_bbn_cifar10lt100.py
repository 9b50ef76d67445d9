# ResNet-32 as a bilateral-branch network (BBN) on CIFAR-10-LT, factor 100; a batch has 128 pairs.
#     python tools/train.py configs/classification/resnet32_bbn_cifar10lt100.py
# Not measured.
_base_ = './resnet32_ce_cifar10lt100.py'
model = dict(type='ltseg.BilateralClassifier', head=dict(in_channels=128))
train_dataloader = dict(batch_size=256, sampler=dict(_delete_=True, type='ltseg.BilateralSampler'))
param_scheduler = [
    dict(type='LinearLR', start_factor=0.2, by_epoch=True, begin=0, end=5),
    dict(type='MultiStepLR', by_epoch=True, milestones=[120, 160], gamma=0.01),
]
