# ResNet-32 with residual branches for rarer classes (ResLT) on CIFAR-100-LT, factor 100.
#     python tools/train.py configs/classification/resnet32_reslt_cifar100lt100.py
# Shares of classes, their weight beta = 0.995 and the weight decay are those of released code.
# Not measured. BCL paper: top-1 48.21.
_base_ = './resnet32_ce_cifar100lt100.py'
beta = 0.995
model = dict(head=dict(
    loss=dict(loss_weight=1 - beta),
    classifier=dict(type='ltseg.ResidualBranchClassifier', branches=3),
    regularizers=[dict(type='ltseg.ResidualBranchLoss', shares=(1.0, 0.65, 0.3), loss_weight=beta)]))
optim_wrapper = dict(optimizer=dict(weight_decay=0.0005, nesterov=True))
report = dict(method='ResLT')
