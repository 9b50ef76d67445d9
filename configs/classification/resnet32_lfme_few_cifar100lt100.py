# An expert of LFME: ResNet-32 with cross entropy on the 30 classes with fewest images of CIFAR-100-LT, factor 100.
#     python tools/train.py configs/classification/resnet32_lfme_few_cifar100lt100.py
# Not measured.
_base_ = './resnet32_ce_cifar100lt100.py'
part = dict(type='ltseg.ClassSubset', group='few', groups=dict(many=35, medium=35, few=30))
model = dict(head=dict(num_classes=30))
data_preprocessor = dict(num_classes=30)
train_dataloader = dict(dataset=dict(_delete_=True, **part, dataset=_base_.train_dataloader.dataset))
val_dataloader = dict(dataset=dict(_delete_=True, **part, dataset=_base_.val_dataloader.dataset))
test_dataloader = val_dataloader
report = dict(method='LFME, expert of few')
