# An expert of LFME: ResNet-152 with cross entropy on the 71 classes of Places-LT with fewer than 20 images.
#     python tools/train.py configs/classification/resnet152_lfme_few_placeslt.py
# Not run by us.
_base_ = './resnet152_oltr_placeslt.py'
images = _base_.train_dataloader.dataset
part = dict(type='ltseg.ClassSubset', group='few', groups=dict(many='> 100', few='< 20'), grouped_by=images)
model = dict(head=dict(num_classes=71))
data_preprocessor = dict(num_classes=71)
train_dataloader = dict(dataset=dict(_delete_=True, **part, dataset=images))
val_dataloader = dict(dataset=dict(_delete_=True, **part, dataset=_base_.val_dataloader.dataset))
test_dataloader = dict(dataset=dict(_delete_=True, **part, dataset=_base_.test_dataloader.dataset))
stages = [_base_.stages[0]]
report = dict(method='LFME, expert of few')
