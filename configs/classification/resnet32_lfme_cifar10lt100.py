# ResNet-32 with three experts to learn from (LFME) on CIFAR-10-LT, factor 100.
#     python tools/train.py configs/classification/resnet32_lfme_cifar10lt100.py
# Train the experts before, which are read from work_dirs:
#     for group in many medium few; do
#         python tools/train.py configs/classification/resnet32_lfme_${group}_cifar10lt100.py
#     done
# CIFAR has no validation images: how much of each expert is learned follows the accuracy on training images.
# Measured, 6 epochs: docs/results.md.
_base_ = './resnet32_ce_cifar10lt100.py'
model = dict(head=dict(loss=dict(type='ltseg.LFMELoss')))
train_dataloader = dict(sampler=dict(_delete_=True, type='ltseg.ClassBalancedSampler'))
val_dataloader = dict(dataset=dict(_delete_=True, **_base_.train_dataloader.dataset))
train_cfg = dict(val_interval=1)
experts = [f'work_dirs/resnet32_lfme_{group}_cifar10lt100/epoch_200.pth' for group in ('many', 'medium', 'few')]
custom_hooks = [
    *_base_.custom_hooks,
    dict(type='ltseg.ValidationRecall', rate='Acc'),
    dict(type='ltseg.LearnFromExperts', experts=experts),
]
report = dict(method='LFME')
