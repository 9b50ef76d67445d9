# ResNet-32 with the distributional robustness loss (DRO-LT) beside cross entropy on CIFAR-10-LT, factor 100.
#     python tools/train.py configs/classification/resnet32_dro_lt_cifar10lt100.py
# In one stage, from the middle of training on; released code goes on from a trained model, and trains the classifier
# alone at the end.
# Measured, 6 epochs: docs/results.md.
_base_ = './resnet32_ce_cifar10lt100.py'
model = dict(head=dict(regularizers=[dict(type='ltseg.DistributionalRobustnessLoss', schedule=dict(start=0.5))]))
