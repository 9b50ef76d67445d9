# An expert of LFME: ResNeXt-50 with cross entropy on the 391 classes of ImageNet-LT with 100 images or more.
#     python tools/train.py configs/classification/resnext50_lfme_many_imagenetlt.py
# Not run by us.
_base_ = './resnext50_ce_imagenetlt.py'
images = _base_.train_dataloader.dataset
part = dict(type='ltseg.ClassSubset', group='many', groups=dict(many='>= 100', few='<= 20'), grouped_by=images)
model = dict(head=dict(num_classes=391))
data_preprocessor = dict(num_classes=391)
train_dataloader = dict(dataset=dict(_delete_=True, **part, dataset=images))
val_dataloader = dict(dataset=dict(_delete_=True, **part, dataset=_base_.val_dataloader.dataset))
test_dataloader = dict(dataset=dict(_delete_=True, **part, dataset=_base_.test_dataloader.dataset))
report = dict(method='LFME, expert of many')
