# cRT as the released code of the NCR paper has it for CIFAR (branch try), as the paper is silent: the classifier is not
# drawn anew but goes on, alone and on balanced classes, for 50 epochs from 0.1 with steps at 10 and 15, without weight
# decay, mixup and regularizers. The statistics of the network stay; in that code they follow the new sampling.
stages = [
    dict(name='representation'),
    dict(
        name='classifier',
        train_cfg=dict(max_epochs=50),
        param_scheduler=[dict(type='MultiStepLR', by_epoch=True, milestones=[10, 15], gamma=0.1)],
        optim_wrapper=dict(optimizer=dict(lr=0.1, weight_decay=0.0)),
        train_dataloader=dict(sampler=dict(_delete_=True, type='ltseg.ClassBalancedSampler')),
        model=dict(train_cfg=None, head=dict(regularizers=[])),
        extra_hooks=[dict(type='ltseg.TrainOnly', parameters=['head.fc'])],
    ),
]
