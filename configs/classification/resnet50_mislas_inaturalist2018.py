# ResNet-50 with MiSLAS on iNaturalist 2018: mixup, then label-aware smoothing on balanced classes.
#     python tools/train.py configs/classification/resnet50_mislas_inaturalist2018.py
# Not run by us. ARB paper (ResNet-152): top-1 71.6, many 73.2, medium 72.4, few 70.4.
_base_ = ['./resnet50_ce_mixup_inaturalist2018.py', '../_base_/schedules/second_stage_10e.py']
stages = [
    dict(name='representation'),
    dict(
        name='classifier',
        **_base_.second_stage,
        optim_wrapper=dict(
            paramwise_cfg=dict(custom_keys={'head.fc.weight': dict(lr_mult=0.05), 'head.fc.bias': dict(lr_mult=0.05)})),
        # An epoch has as many images as that of the first stage, as in the released code.
        train_dataloader=dict(sampler=dict(_delete_=True, type='ltseg.ClassAwareSampler', length=437513)),
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
