# AdamW with a warm-up and a cosine for models on pretrained encoders, which learn at a tenth of the rate. bfloat16 on CPUs that have it.
optimizer = dict(type='AdamW', lr=0.003, weight_decay=0.01)
optim_wrapper = dict(
    type='ltseg.AutocastOptimWrapper',
    optimizer=optimizer,
    clip_grad=None,
    paramwise_cfg=dict(custom_keys={'backbone': dict(lr_mult=0.1)}))
param_scheduler = [
    dict(type='LinearLR', start_factor=0.04, by_epoch=False, begin=0, end=100),
    dict(type='CosineAnnealingLR', eta_min=0, by_epoch=False, begin=100, end=1000, T_max=900),
]
train_cfg = dict(type='IterBasedTrainLoop', max_iters=1000, val_interval=250)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
