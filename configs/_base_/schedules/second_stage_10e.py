# What the second stages of two-stage recipes share: 10 epochs, the learning rate on a cosine to 0.
#     another length: --cfg-options stages.1.train_cfg.max_epochs=5 stages.1.param_scheduler.0.T_max=5
second_stage = dict(
    train_cfg=dict(max_epochs=10),
    param_scheduler=[dict(type='CosineAnnealingLR', by_epoch=True, T_max=10, convert_to_iter_based=True)],
)
