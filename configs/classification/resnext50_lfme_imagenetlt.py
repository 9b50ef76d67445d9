# ResNeXt-50 with three experts to learn from (LFME) on ImageNet-LT, which released code has for ResNet-10.
#     python tools/train.py configs/classification/resnext50_lfme_imagenetlt.py
# Train the experts before, which are read from work_dirs:
#     for group in many medium few; do
#         python tools/train.py configs/classification/resnext50_lfme_${group}_imagenetlt.py
#     done
# Not run by us. LWR poster, recipe unknown: top-1 47.0, many 60.6, medium 43.5, few 22.0.
_base_ = './resnext50_ce_imagenetlt.py'
model = dict(head=dict(loss=dict(type='ltseg.LFMELoss')))
train_dataloader = dict(sampler=dict(
    _delete_=True, type='ltseg.ClassAwareSampler', samples_per_visit=4, length=115846))  # an epoch as long as without it
train_cfg = dict(val_interval=1)
experts = [f'work_dirs/resnext50_lfme_{group}_imagenetlt/epoch_90.pth' for group in ('many', 'medium', 'few')]
custom_hooks = [
    *_base_.custom_hooks,
    dict(type='ltseg.ValidationRecall', rate='Acc'),
    dict(type='ltseg.LearnFromExperts', experts=experts),
]
report = dict(method='LFME')
