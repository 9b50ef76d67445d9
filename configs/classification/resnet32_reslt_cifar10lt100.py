# ResNet-32 with residual branches for rarer classes (ResLT) on CIFAR-10-LT, factor 100.
#     python tools/train.py configs/classification/resnet32_reslt_cifar10lt100.py
# Shares of classes, their weight beta = 0.998 and the weight decay are those of released code.
# Measured, 6 epochs: docs/results.md. BCL paper: top-1 82.40.
_base_ = './resnet32_ce_cifar10lt100.py'
beta = 0.998
model = dict(head=dict(
    loss=dict(loss_weight=1 - beta),
    classifier=dict(type='ltseg.ResidualBranchClassifier', branches=3),
    regularizers=[dict(type='ltseg.ResidualBranchLoss', shares=(1.0, 0.8, 0.6), loss_weight=beta)]))
optim_wrapper = dict(optimizer=dict(weight_decay=0.0005, nesterov=True))
report = dict(method='ResLT')
