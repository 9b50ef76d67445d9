# ResNet-32 with balanced contrastive learning (BCL) in 400 epochs on CIFAR-10-LT, factor 100.
#     python tools/train.py configs/classification/resnet32_bcl_400e_cifar10lt100.py
# Not measured.
_base_ = './resnet32_bcl_cifar10lt100.py'
param_scheduler = [
    dict(_base_.param_scheduler[0], start_factor=0.1, end=10),
    dict(_base_.param_scheduler[1], milestones=[360, 380]),
]
train_cfg = dict(max_epochs=400)
report = dict(method='BCL, 400 epochs')
