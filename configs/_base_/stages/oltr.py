# OLTR after cross entropy: a second stage goes on with the whole network on classes in turn, with attention before the
# pooling, and a classifier that remembers the class means. Rates, length and weights are those of released code for
# ImageNet-LT. A config adds the length of an epoch, which is that of the first stage as there.
stages = [
    dict(name='representation'),
    dict(
        name='meta_embedding',
        train_cfg=dict(max_epochs=60),
        param_scheduler=[dict(type='MultiStepLR', by_epoch=True, milestones=[20, 40], gamma=0.1)],
        optim_wrapper=dict(
            optimizer=dict(lr=0.01, weight_decay=0.0005),
            paramwise_cfg=dict(custom_keys={'head': dict(lr_mult=10.0)})),
        model=dict(
            neck=[
                dict(type='ltseg.ModulatedAttentionNeck', in_channels=64, map_size=8),
                dict(type='GlobalAveragePooling'),
            ],
            head=dict(
                classifier=dict(type='ltseg.MetaEmbeddingClassifier'),
                regularizers=[dict(type='ltseg.DiscriminativeCentroidsLoss', loss_weight=0.01)])),
        extra_hooks=[dict(type='ltseg.MeasureClasses')],
    ),
]
