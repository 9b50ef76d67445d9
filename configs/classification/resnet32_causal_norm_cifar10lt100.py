# ResNet-32 with the classifier of causal inference (causal norm, TDE) on CIFAR-10-LT, factor 100.
#     python tools/train.py configs/classification/resnet32_causal_norm_cifar10lt100.py
# alpha counts in tests only: --cfg-options model.head.classifier.alpha=0 is the model without the effect.
# Measured, 6 epochs: docs/results.md. BCL paper: top-1 80.60.
_base_ = './resnet32_ce_cifar10lt100.py'
model = dict(head=dict(classifier=dict(type='ltseg.CausalNormClassifier', alpha=1.0)))
train_dataloader = dict(batch_size=256)
optim_wrapper = dict(optimizer=dict(lr=0.2, weight_decay=0.0005))
param_scheduler = [
    dict(type='LinearLR', start_factor=0.2, by_epoch=True, begin=0, end=5),
    dict(type='MultiStepLR', by_epoch=True, milestones=[120, 160], gamma=0.01),
]
