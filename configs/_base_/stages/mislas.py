# MiSLAS after mixup: a second stage smooths labels by class on balanced classes, and trains a scale for each class and
# the classifier, the latter at a lower rate; statistics of the network follow the new sampling. Smoothing and rate are
# those of ImageNet-LT. A config adds the length of an epoch, which is that of the first stage as in the released code.
_base_ = '../schedules/second_stage_10e.py'
stages = [
    dict(name='representation'),
    dict(
        name='classifier',
        **_base_.second_stage,
        optim_wrapper=dict(
            paramwise_cfg=dict(custom_keys={'head.fc.weight': dict(lr_mult=0.05), 'head.fc.bias': dict(lr_mult=0.05)})),
        train_dataloader=dict(sampler=dict(_delete_=True, type='ltseg.ClassAwareSampler')),
        model=dict(
            train_cfg=None,
            head=dict(
                classifier=dict(type='ltseg.LearnableScaleClassifier'),
                loss=dict(_delete_=True, type='ltseg.LabelAwareSmoothingLoss', head=0.3, tail=0.0))),
        extra_hooks=[dict(type='ltseg.TrainOnly', parameters=['head.fc'], freeze_statistics=False)],
    ),
]
