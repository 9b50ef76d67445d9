# ResNet-50 with MiSLAS on ImageNet-LT: mixup, then label-aware smoothing on balanced classes.
#     python tools/train.py configs/classification/resnet50_mislas_imagenetlt.py
# Not run by us. ARB paper: top-1 52.7, many 61.7, medium 51.3, few 35.8.
_base_ = ['./resnet50_ce_mixup_imagenetlt.py', '../_base_/schedules/second_stage_10e.py']
stages = [
    dict(name='representation'),
    dict(
        name='classifier',
        **_base_.second_stage,
        optim_wrapper=dict(
            paramwise_cfg=dict(custom_keys={'head.fc.weight': dict(lr_mult=0.05), 'head.fc.bias': dict(lr_mult=0.05)})),
        # An epoch has as many images as that of the first stage, as in the released code.
        train_dataloader=dict(sampler=dict(_delete_=True, type='ltseg.ClassAwareSampler', length=115846)),
        model=dict(
            train_cfg=None,
            head=dict(
                classifier=dict(type='ltseg.LearnableScaleClassifier'),
                loss=dict(_delete_=True, type='ltseg.LabelAwareSmoothingLoss', head=0.3, tail=0.0))),
        custom_hooks=[
            *_base_.custom_hooks,
            dict(type='ltseg.TrainOnly', parameters=['head.fc'], freeze_statistics=False),
        ],
    ),
]
