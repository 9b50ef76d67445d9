# SSP on large sets: MoCo v2 learns from two views of each image, without labels; cross entropy goes on with its backbone,
# and cRT ends it. Lengths, rates, batches and views are those of released code: 200 epochs with 0.015, then 90 with 0.2,
# for 128 images. The queue takes whole batches, hence drop_last.
_base_ = './crt.py'
view = [
    dict(type='RandomResizedCrop', scale=224, crop_ratio_range=(0.2, 1.0)),
    dict(
        type='RandomApply',
        transforms=[dict(type='ColorJitter', brightness=0.4, contrast=0.4, saturation=0.4, hue=0.1)],
        prob=0.8,
    ),
    dict(type='RandomGrayscale', prob=0.2, keep_channels=True, channel_weights=(0.114, 0.587, 0.299)),
    dict(type='GaussianBlur', magnitude_range=(0.1, 2.0), magnitude_std='inf', prob=0.5),
    dict(type='RandomFlip', prob=0.5, direction='horizontal'),
]
pipeline = [
    dict(type='ltseg.LoadCheckedImage'),
    dict(type='MultiView', num_views=2, transforms=[view]),
    dict(type='PackInputs'),
]
stages = [
    dict(
        name='contrast',
        model=dict(
            type='MoCo',
            queue_len=65536,
            feat_dim=128,
            momentum=0.001,  # of the new weights
            neck=dict(_delete_=True, type='MoCoV2Neck', in_channels=2048, hid_channels=2048, out_channels=128),
            head=dict(_delete_=True, type='ContrastiveHead', loss=dict(type='CrossEntropyLoss'), temperature=0.2),
        ),
        train_dataloader=dict(
            batch_size=128,
            drop_last=True,
            collate_fn=dict(type='default_collate'),
            dataset=dict(pipeline=pipeline),
        ),
        optim_wrapper=dict(optimizer=dict(lr=0.015, weight_decay=0.0001)),
        param_scheduler=[dict(type='CosineAnnealingLR', by_epoch=True, T_max=200, eta_min=0)],
        train_cfg=dict(max_epochs=200),
        val_dataloader=None,
        val_cfg=None,
        val_evaluator=None,
    ),
    dict(name='representation', optim_wrapper=dict(optimizer=dict(lr=0.2))),
    _base_.stages[1],
]
