# What the recipes of RISDA and MetaSAug for CIFAR share: 160 epochs of representation, then 40 at a hundredth of the rate.
first_stage = dict(
    train_cfg=dict(max_epochs=160),
    param_scheduler=[dict(type='LinearLR', start_factor=0.2, by_epoch=True, begin=0, end=5)],
)
last_stage = dict(
    train_cfg=dict(max_epochs=40),
    optim_wrapper=dict(optimizer=dict(lr=0.001)),
    param_scheduler=[dict(type='MultiStepLR', by_epoch=True, milestones=[20], gamma=0.01)],
)
