# An expert of LFME: ResNeXt-50 with cross entropy on the 463 classes of ImageNet-LT with 21 to 99 images.
#     python tools/train.py configs/classification/resnext50_lfme_medium_imagenetlt.py
# Not run by us.
_base_ = './resnext50_ce_imagenetlt.py'
images = _base_.train_dataloader.dataset
part = dict(type='ltseg.ClassSubset', group='medium', groups=dict(many='>= 100', few='<= 20'), grouped_by=images)
model = dict(head=dict(num_classes=463))
data_preprocessor = dict(num_classes=463)
train_dataloader = dict(dataset=dict(_delete_=True, **part, dataset=images))
val_dataloader = dict(dataset=dict(_delete_=True, **part, dataset=_base_.val_dataloader.dataset))
test_dataloader = dict(dataset=dict(_delete_=True, **part, dataset=_base_.test_dataloader.dataset))
report = dict(method='LFME, expert of medium')
