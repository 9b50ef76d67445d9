# ResNet-32 with the equalization loss on CIFAR-10-LT, factor 100.
#     python tools/train.py configs/classification/resnet32_equalization_cifar10lt100.py
# Not measured.
_base_ = './resnet32_ce_cifar10lt100.py'
threshold = 0.03  # 0.3 / K, as is 0.003 for 100 classes: ours
model = dict(head=dict(loss=dict(_delete_=True, type='ltseg.EqualizationLoss', frequency_threshold=threshold)))
