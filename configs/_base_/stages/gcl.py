# GCL: a second stage goes on with the classifier alone, on balanced classes and with a smaller scale. Rate and length are
# those of released code for CIFAR, which also has a constant margin of 0.1 and a focal factor there.
stages = [
    dict(name='representation'),
    dict(
        name='classifier',
        train_cfg=dict(max_epochs=30),
        param_scheduler=[dict(type='CosineAnnealingLR', by_epoch=True, T_max=30, convert_to_iter_based=True)],
        optim_wrapper=dict(optimizer=dict(lr=0.004)),
        train_dataloader=dict(sampler=dict(_delete_=True, type='ltseg.ClassBalancedSampler')),
        model=dict(head=dict(loss=dict(scale=20.0))),
        extra_hooks=[dict(type='ltseg.TrainOnly', parameters=['head.fc'])],
    ),
]
