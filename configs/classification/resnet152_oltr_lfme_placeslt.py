# ResNet-152 with OLTR and, in its second stage, three experts to learn from (LFME) on Places-LT. The recipe is ours.
#     python tools/train.py configs/classification/resnet152_oltr_lfme_placeslt.py
# Train the experts before, which are read from work_dirs:
#     for group in many medium few; do
#         python tools/train.py configs/classification/resnet152_lfme_${group}_placeslt.py
#     done
# Not run by us.
_base_ = './resnet152_oltr_placeslt.py'
groups = ('many', 'medium', 'few')
experts = [f'work_dirs/resnet152_lfme_{group}_placeslt/representation/epoch_30.pth' for group in groups]
second = _base_.stages[1]
stages = [
    _base_.stages[0],
    dict(
        second,
        train_cfg=dict(val_interval=1),
        model=dict(second.model, head=dict(second.model.head, loss=dict(type='ltseg.LFMELoss'))),
        extra_hooks=[
            *second.extra_hooks,
            dict(type='ltseg.ValidationRecall', rate='Acc'),
            dict(type='ltseg.LearnFromExperts', experts=experts, model=_base_.model),
        ]),
]
report = dict(method='OLTR, LFME')
