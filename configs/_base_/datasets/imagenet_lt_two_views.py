# ImageNet-LT in two views of each image with RandAugment, and batches of 128, as the AllNC paper has them.
_base_ = './imagenet_lt_randaug.py'
data_preprocessor = dict(type='ltseg.AugmentingClsPreprocessor')
train_pipeline = [
    dict(type='ltseg.LoadCheckedImage'),
    dict(type='MultiView', num_views=[2], transforms=[_base_.train_pipeline[1:-1]]),
    dict(type='PackInputs'),
]
train_dataloader = dict(batch_size=128, dataset=dict(pipeline=train_pipeline))
