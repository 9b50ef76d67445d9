# CIFAR-100-LT, exponential profile with factor 100; augmentation runs on the batch, in the data preprocessor.
#     other factors: --cfg-options train_dataloader.dataset.imbalance_factor=50
dataset_type = 'ltseg.CIFARDataset'
data_root = 'data/cifar100/'
data_preprocessor = dict(
    type='ltseg.AugmentingClsPreprocessor',
    num_classes=100,
    mean=[129.304, 124.070, 112.434],  # red, green, blue
    std=[68.170, 65.392, 70.418],
    augmentations=[dict(type='ltseg.BatchRandomCrop', padding=4), dict(type='ltseg.BatchRandomFlip', prob=0.5)],
)
train_dataloader = dict(
    batch_size=128,
    num_workers=0,  # the images are in memory: handing them over from another process takes longer
    persistent_workers=False,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(
        type='ltseg.LongTailedDataset',
        imbalance_factor=100,
        seed=0,
        dataset=dict(
            type=dataset_type,
            data_root=data_root,
            num_classes=100,
            split='train',
            pipeline=[dict(type='PackInputs')],
        ),
    ),
)
val_dataloader = dict(
    batch_size=500,
    num_workers=0,
    persistent_workers=False,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type=dataset_type, data_root=data_root, num_classes=100, split='test', pipeline=[dict(type='PackInputs')]
    ),
)
test_dataloader = val_dataloader

val_evaluator = dict(type='ltseg.LongTailAccuracy')
test_evaluator = val_evaluator
