# ResNet-152 with OLTR on Places-LT: cross entropy, then attention and a memory of the class means on frozen features.
#     python tools/train.py configs/classification/resnet152_oltr_placeslt.py
# Lengths, rates, and the hidden layer of 512 channels are those of released code, for batches of 128.
# Not run by us. ARB paper, which says ResNet-50: top-1 35.9, many 44.7, medium 37.0, few 25.3.
_base_ = [
    '../_base_/models/resnet50.py', '../_base_/datasets/places_lt.py', '../_base_/schedules/cosine_90e.py',
    '../_base_/runtime/classification.py', '../_base_/stages/oltr_imagenet.py',
]
weights = 'https://download.openmmlab.com/mmclassification/v0/resnet/resnet152_8xb32_in1k_20210901-4d7582fa.pth'
model = dict(
    backbone=dict(depth=152, init_cfg=dict(type='Pretrained', checkpoint=weights, prefix='backbone')),
    head=dict(head_type='StackedLinearClsHead', num_classes=365, mid_channels=[512]))
train_cfg = dict(max_epochs=30)
param_scheduler = [dict(type='MultiStepLR', by_epoch=True, milestones=[10, 20], gamma=0.1)]
optim_wrapper = dict(
    optimizer=dict(lr=0.001, weight_decay=0.0005),
    paramwise_cfg=dict(custom_keys={'head.layers.1': dict(lr_mult=100.0)}))  # the classifier
stages = [
    _base_.stages[0],
    dict(
        name='meta_embedding',
        optim_wrapper=dict(optimizer=dict(lr=0.0001)),
        train_dataloader=dict(sampler=dict(
            _delete_=True, type='ltseg.ClassAwareSampler', samples_per_visit=4, length=62500)),
        model=_base_.stages[1].model,
        extra_hooks=[
            dict(type='ltseg.TrainOnly', parameters=['neck', 'head'], freeze_statistics=False),
            dict(type='ltseg.MeasureClasses'),
        ]),
]
report = dict(method='OLTR')
