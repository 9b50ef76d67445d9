# ResNet-32 with MiSLAS on CIFAR-10-LT, factor 100: mixup, then label-aware smoothing on balanced classes.
#     python tools/train.py configs/classification/resnet32_mislas_cifar10lt100.py
# Not measured.
_base_ = ['./resnet32_ce_mixup_cifar10lt100.py', '../_base_/stages/mislas.py']
rate = dict(lr_mult=0.5)
stages = [
    _base_.stages[0],
    dict(
        _base_.stages[1],
        optim_wrapper=dict(paramwise_cfg=dict(custom_keys={'head.fc.weight': rate, 'head.fc.bias': rate})),
        train_dataloader=dict(sampler=dict(_delete_=True, type='ltseg.ClassAwareSampler', length=12406)),
        model=dict(
            train_cfg=None,
            head=dict(
                classifier=dict(type='ltseg.LearnableScaleClassifier'),
                loss=dict(_delete_=True, type='ltseg.LabelAwareSmoothingLoss', head=0.3, tail=0.0))),
        extra_hooks=[dict(type='ltseg.TrainOnly', parameters=['head.fc'])]),
]
report = dict(method='MiSLAS')
