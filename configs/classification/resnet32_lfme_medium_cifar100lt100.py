# An expert of LFME: ResNet-32 with cross entropy on the 35 medium classes of CIFAR-100-LT, factor 100.
#     python tools/train.py configs/classification/resnet32_lfme_medium_cifar100lt100.py
# Not measured.
_base_ = './resnet32_ce_cifar100lt100.py'
part = dict(type='ltseg.ClassSubset', group='medium', groups=dict(many=35, medium=35, few=30))
model = dict(head=dict(num_classes=35))
data_preprocessor = dict(num_classes=35)
train_dataloader = dict(dataset=dict(_delete_=True, **part, dataset=_base_.train_dataloader.dataset))
val_dataloader = dict(dataset=dict(_delete_=True, **part, dataset=_base_.val_dataloader.dataset))
test_dataloader = val_dataloader
report = dict(method='LFME, expert of medium')
