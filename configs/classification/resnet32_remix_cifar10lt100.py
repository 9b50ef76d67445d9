# ResNet-32 with cross entropy and Remix on CIFAR-10-LT, factor 100.
#     python tools/train.py configs/classification/resnet32_remix_cifar10lt100.py
# Not measured.
_base_ = './resnet32_ce_cifar10lt100.py'
model = dict(train_cfg=dict(augments=[dict(type='ltseg.Remix')]))
