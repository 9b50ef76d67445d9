# Places-LT at 224 x 224 from its public lists, with the pipelines of ImageNet-LT.
_base_ = './imagenet_lt.py'
dataset_type = 'ltseg.PlacesLTDataset'
data_root = 'data/places/'
data_preprocessor = dict(num_classes=365)
train_dataloader = dict(dataset=dict(type=dataset_type, data_root=data_root))
val_dataloader = dict(dataset=dict(type=dataset_type, data_root=data_root))
test_dataloader = dict(dataset=dict(type=dataset_type, data_root=data_root))
