# ImageNet-LT in three views of each image, as the BCL paper has them: one with RandAugment to classify, and two with
# SimAugment to compare. The blur is that of SimCLR, which the paper cites; its released code has none.
_base_ = './imagenet_lt_randaug.py'
data_preprocessor = dict(type='ltseg.AugmentingClsPreprocessor')
classified_view = _base_.train_pipeline[1:-1]
compared_view = [
    dict(type='RandomResizedCrop', scale=224),
    dict(type='RandomFlip', prob=0.5, direction='horizontal'),
    dict(
        type='RandomApply',
        transforms=[dict(type='ColorJitter', brightness=0.4, contrast=0.4, saturation=0.4, hue=0.1)],
        prob=0.8,
    ),
    dict(type='RandomGrayscale', prob=0.2, keep_channels=True, channel_weights=(0.114, 0.587, 0.299)),
    dict(type='GaussianBlur', magnitude_range=(0.1, 2.0), magnitude_std='inf', prob=0.5),
]
train_pipeline = [
    dict(type='ltseg.LoadCheckedImage'),
    dict(type='MultiView', num_views=[1, 2], transforms=[classified_view, compared_view]),
    dict(type='PackInputs'),
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
