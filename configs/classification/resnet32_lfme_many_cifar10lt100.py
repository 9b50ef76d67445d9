# An expert of LFME: ResNet-32 with cross entropy on the 3 classes with most images of CIFAR-10-LT, factor 100.
#     python tools/train.py configs/classification/resnet32_lfme_many_cifar10lt100.py
# Not measured.
_base_ = './resnet32_ce_cifar10lt100.py'
part = dict(type='ltseg.ClassSubset', group='many', groups=dict(many=3, medium=4, few=3))
model = dict(head=dict(num_classes=3))
data_preprocessor = dict(num_classes=3)
train_dataloader = dict(dataset=dict(_delete_=True, **part, dataset=_base_.train_dataloader.dataset))
val_dataloader = dict(dataset=dict(_delete_=True, **part, dataset=_base_.val_dataloader.dataset))
test_dataloader = val_dataloader
report = dict(method='LFME, expert of many')
