# ResNet-32 with cross entropy on CIFAR-10-LT, factor 100, and a look at its features and gradients every 50 iterations.
#     python tools/train.py configs/classification/resnet32_ce_monitored_cifar10lt100.py
# Measured, 30 epochs: docs/results.md.
_base_ = './resnet32_ce_cifar10lt100.py'
custom_hooks = [*_base_.custom_hooks, dict(type='ltseg.CollapseMonitor'), dict(type='ltseg.GradientMonitor')]
