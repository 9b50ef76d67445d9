# iNaturalist 2018 in three views of each image, with the pipelines of ImageNet-LT.
_base_ = './imagenet_lt_views.py'
dataset_type = 'ltseg.INaturalist2018Dataset'
data_root = 'data/inaturalist2018/'
data_preprocessor = dict(num_classes=8142, mean=[118.83, 120.105, 96.9], std=[49.725, 49.47, 48.96])
train_dataloader = dict(dataset=dict(type=dataset_type, data_root=data_root))
val_dataloader = dict(dataset=dict(type=dataset_type, data_root=data_root))
test_dataloader = dict(  # the labels of its test split are not public
    dataset=dict(type=dataset_type, data_root=data_root, split='val')
)
