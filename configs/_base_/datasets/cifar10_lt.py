# CIFAR-10-LT, exponential profile with factor 100. Training images are on the device, as bytes, and are augmented there
# as batches, in the data preprocessor; the loader gives their places.
#     other factors: --cfg-options train_dataloader.dataset.imbalance_factor=50
dataset_type = 'ltseg.CIFARDataset'
data_root = 'data/cifar10/'
data_preprocessor = dict(
    type='ltseg.AugmentingClsPreprocessor',
    num_classes=10,
    mean=[125.307, 122.961, 113.8575],  # red, green, blue
    std=[51.5865, 50.847, 51.255],
    augmentations=[dict(type='ltseg.BatchRandomCrop', padding=4), dict(type='ltseg.BatchRandomFlip', prob=0.5)],
)
train_dataloader = dict(
    batch_size=128,
    num_workers=0,  # the images are in memory: handing them over from another process takes longer
    persistent_workers=False,
    collate_fn=dict(type='ltseg.resident_collate'),
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(
        type='ltseg.LongTailedDataset',
        imbalance_factor=100,
        seed=0,
        dataset=dict(
            type=dataset_type,
            data_root=data_root,
            num_classes=10,
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
        type=dataset_type, data_root=data_root, num_classes=10, split='test', pipeline=[dict(type='PackInputs')]
    ),
)
test_dataloader = val_dataloader

val_evaluator = dict(type='ltseg.LongTailAccuracy')
test_evaluator = val_evaluator
