# iNaturalist 2018 at 224 x 224 from its JSON annotations or public lists.
dataset_type = 'ltseg.INaturalist2018Dataset'
data_root = 'data/inaturalist2018/'
data_preprocessor = dict(
    type='ClsDataPreprocessor',
    num_classes=8142,
    mean=[118.83, 120.105, 96.9],  # red, green, blue
    std=[49.725, 49.47, 48.96],
    to_rgb=True,
)
train_pipeline = [
    dict(type='ltseg.LoadCheckedImage'),
    dict(type='RandomResizedCrop', scale=224),
    dict(type='RandomFlip', prob=0.5, direction='horizontal'),
    dict(type='PackInputs'),
]
test_pipeline = [
    dict(type='ltseg.LoadCheckedImage'),
    dict(type='ResizeEdge', scale=256, edge='short'),
    dict(type='CenterCrop', crop_size=224),
    dict(type='PackInputs'),
]
train_dataloader = dict(
    batch_size=128,
    num_workers=8,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(type=dataset_type, data_root=data_root, split='train', pipeline=train_pipeline),
)
val_dataloader = dict(
    batch_size=128,
    num_workers=8,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(type=dataset_type, data_root=data_root, split='val', pipeline=test_pipeline),
)
test_dataloader = val_dataloader  # the labels of its test split are not public

val_evaluator = dict(type='ltseg.LongTailAccuracy')
test_evaluator = val_evaluator
