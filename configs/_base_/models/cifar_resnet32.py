# ResNet-32 for images of 32 x 32 pixels, 0.46 million parameters.
model = dict(
    type='ltseg.MultiViewClassifier',
    backbone=dict(type='ltseg.CIFARResNet', depth=32),
    neck=dict(type='GlobalAveragePooling'),
    head=dict(
        type='ltseg.LongTailClsHead',
        head_type='LinearClsHead',
        num_classes=10,
        in_channels=64,
        loss=dict(type='ltseg.CrossEntropyLoss')))
