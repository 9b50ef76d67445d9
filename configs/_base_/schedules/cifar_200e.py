# The ARB paper's recipe for CIFAR: 200 epochs with batches of 128, a warm-up of 5 epochs, steps at 160 and 180.
# A short version with the same shape, 30 epochs:
#     --cfg-options train_cfg.max_epochs=30 param_scheduler.0.end=2 param_scheduler.1.milestones="[24,27]"
# On a CPU with bfloat16 instructions, 1.7 times as fast: --cfg-options optim_wrapper.type=ltseg.AutocastOptimWrapper
optimizer = dict(type='SGD', lr=0.1, momentum=0.9, weight_decay=0.0002)
optim_wrapper = dict(type='OptimWrapper', optimizer=optimizer, clip_grad=None)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.2, by_epoch=True, begin=0, end=5),
    dict(type='MultiStepLR', by_epoch=True, milestones=[160, 180], gamma=0.1),
]
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=200, val_interval=10)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
