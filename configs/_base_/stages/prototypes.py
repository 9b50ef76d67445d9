# Prototype classifiers: a second stage begins with the class means of the frozen features, and learns prototypes and a
# temperature for each channel on balanced classes. One epoch and the rates are those of released code for CIFAR-100.
stages = [
    dict(name='representation'),
    dict(
        name='classifier',
        train_cfg=dict(max_epochs=1),
        param_scheduler=None,
        optim_wrapper=dict(
            optimizer=dict(lr=4.2),
            paramwise_cfg=dict(custom_keys={'head.fc.temperature': dict(lr_mult=0.0012)})),  # 0.005
        train_dataloader=dict(sampler=dict(_delete_=True, type='ltseg.ClassAwareSampler')),
        model=dict(head=dict(classifier=dict(type='ltseg.PrototypeClassifier'))),
        extra_hooks=[
            dict(type='ltseg.TrainOnly', parameters=['head.fc']),
            dict(type='ltseg.MeasureClasses'),
        ],
    ),
]
