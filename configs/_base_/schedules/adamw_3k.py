# AdamW for small models from scratch on small data: a warm-up, a cosine to a hundredth of the rate over four fifths of
# training, and a last fifth at that rate, over which validation should not move. Evaluated ten times.
iterations, warm_up = 3000, 100
settled = iterations * 4 // 5
optimizer = dict(type='AdamW', lr=0.005, weight_decay=0.05)
optim_wrapper = dict(type='OptimWrapper', optimizer=optimizer, clip_grad=None)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, begin=0, end=warm_up, by_epoch=False),
    dict(
        type='CosineAnnealingLR', T_max=settled - warm_up, eta_min_ratio=0.01, begin=warm_up, end=settled,
        by_epoch=False),
]
train_cfg = dict(type='IterBasedTrainLoop', max_iters=iterations, val_interval=iterations // 10)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
