# ResNet-32 with subclass-balancing contrast (SBCL) in the recipe of BCL on CIFAR-10-LT, factor 100.
#     python tools/train.py configs/classification/resnet32_sbcl_cifar10lt100.py
# In one stage of 200 epochs; the paper has two stages, the first of 1000 epochs without a classifier. The classes are
# divided every tenth of training, as in released code.
# Measured, 6 epochs: docs/results.md.
_base_ = './resnet32_supcon_cifar10lt100.py'
model = dict(head=dict(regularizers=[
    dict(type='ltseg.SubclassBalancedContrastiveLoss', views=(1, 2), hidden_channels=64, loss_weight=0.6),
]))
custom_hooks = [*_base_.custom_hooks, dict(type='ltseg.ClusterSubclasses', interval=20)]
