# ResNet-32 with GCL on a cosine classifier, and mixup, on CIFAR-10-LT, factor 100: its first stage.
#     python tools/train.py configs/classification/resnet32_gcl_cifar10lt100.py
# Measured, 6 epochs: docs/results.md.
_base_ = './resnet32_ce_mixup_cifar10lt100.py'
model = dict(head=dict(
    classifier=dict(type='ltseg.CosineClassifier'),
    loss=dict(_delete_=True, type='ltseg.GCLLoss', strength=0.5)))
train_dataloader = dict(batch_size=64)
report = dict(method='GCL, first stage')
