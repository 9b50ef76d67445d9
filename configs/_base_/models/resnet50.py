# ResNet-50 from scratch.
model = dict(
    type='ltseg.MultiViewClassifier',
    backbone=dict(type='ResNet', depth=50),
    neck=dict(type='GlobalAveragePooling'),
    head=dict(
        type='ltseg.LongTailClsHead',
        head_type='LinearClsHead',
        num_classes=1000,
        in_channels=2048,
        loss=dict(type='ltseg.CrossEntropyLoss')))
