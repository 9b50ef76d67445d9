# CIFAR-100-LT: as CIFAR-10-LT, exponential profile with factor 100.
#     other factors: --cfg-options train_dataloader.dataset.imbalance_factor=50
_base_ = './cifar10_lt.py'
data_root = 'data/cifar100/'
data_preprocessor = dict(
    num_classes=100,
    mean=[129.304, 124.070, 112.434],  # red, green, blue
    std=[68.170, 65.392, 70.418],
)
train_dataloader = dict(dataset=dict(dataset=dict(data_root=data_root, num_classes=100)))
val_dataloader = dict(dataset=dict(data_root=data_root, num_classes=100))
test_dataloader = val_dataloader
