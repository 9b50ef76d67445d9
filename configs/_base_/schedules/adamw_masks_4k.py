# AdamW with polynomial decay to 0 for small Mask2Formers on small data; the backbone learns at a tenth of the rate.
unscaled = dict(lr_mult=1.0, decay_mult=0.0)
optimizer = dict(type='AdamW', lr=0.0002, weight_decay=0.05)
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=optimizer,
    clip_grad=dict(max_norm=0.01, norm_type=2),
    paramwise_cfg=dict(
        custom_keys={
            'backbone': dict(lr_mult=0.1),
            'query_embed': unscaled,
            'query_feat': unscaled,
            'level_embed': unscaled,
        },
        norm_decay_mult=0.0))
param_scheduler = [dict(type='PolyLR', eta_min=0, power=0.9, begin=0, end=4000, by_epoch=False)]
train_cfg = dict(type='IterBasedTrainLoop', max_iters=4000, val_interval=400)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
