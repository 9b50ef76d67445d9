# ResNet-50 with MiSLAS on ImageNet-LT: mixup, then label-aware smoothing on balanced classes.
#     python tools/train.py configs/classification/resnet50_mislas_imagenetlt.py
# Not run by us. ARB paper: top-1 52.7, many 61.7, medium 51.3, few 35.8.
_base_ = ['./resnet50_ce_mixup_imagenetlt.py', '../_base_/stages/mislas.py']
stages = [
    _base_.stages[0],
    dict(
        _base_.stages[1],
        train_dataloader=dict(sampler=dict(_delete_=True, type='ltseg.ClassAwareSampler', length=115846))),
]
report = dict(method='MiSLAS')
