# OLTR on the maps of ResNet-50 and the images of ImageNet-LT.
_base_ = './oltr.py'
stages = [
    _base_.stages[0],
    dict(
        _base_.stages[1],
        model=dict(
            neck=[
                dict(type='ltseg.ModulatedAttentionNeck', in_channels=2048, map_size=7),
                dict(type='GlobalAveragePooling'),
            ],
            head=_base_.stages[1].model.head),
        train_dataloader=dict(sampler=dict(
            _delete_=True, type='ltseg.ClassAwareSampler', samples_per_visit=4, length=115846))),
]
