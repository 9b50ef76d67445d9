# ImageNet-LT in one batch of 256 with RandAugment, two policies of magnitude 10, as the BCL paper's classifier sees it.
_base_ = './imagenet_lt.py'
train_pipeline = [
    dict(type='ltseg.LoadCheckedImage'),
    dict(type='RandomResizedCrop', scale=224),
    dict(type='RandomFlip', prob=0.5, direction='horizontal'),
    dict(type='ColorJitter', brightness=0.4, contrast=0.4, saturation=0.4, hue=0.0),
    dict(type='RandAugment', policies='timm_increasing', num_policies=2, magnitude_level=10, magnitude_std=0.5),
    dict(type='PackInputs'),
]
train_dataloader = dict(batch_size=256, dataset=dict(pipeline=train_pipeline))
