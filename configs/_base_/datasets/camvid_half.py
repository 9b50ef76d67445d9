# CamVid trained at half resolution; labels are compared at full resolution.
_base_ = './camvid.py'
crop_size = (160, 224)
train_pipeline = [
    dict(type='ltseg.LoadCheckedImage'),
    dict(type='ltseg.LoadCheckedAnnotations'),
    dict(type='RandomResize', scale=(240, 180), ratio_range=(0.75, 1.5), keep_ratio=True),
    dict(type='RandomCrop', crop_size=crop_size, cat_max_ratio=0.75),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PhotoMetricDistortion'),
    dict(type='PackSegInputs'),
]
test_pipeline = [
    dict(type='ltseg.LoadCheckedImage'),
    dict(type='Resize', scale=(240, 180), keep_ratio=True),
    dict(type='ltseg.LoadCheckedAnnotations'),
    dict(type='PackSegInputs'),
]
train_dataloader = dict(batch_size=4, num_workers=1, dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(num_workers=1, dataset=dict(pipeline=test_pipeline))
test_dataloader = dict(num_workers=1, dataset=dict(pipeline=test_pipeline))
