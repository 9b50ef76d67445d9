# ResNet-50 with MiSLAS on iNaturalist 2018: mixup, then label-aware smoothing on balanced classes.
#     python tools/train.py configs/classification/resnet50_mislas_inaturalist2018.py
# Not run by us. ARB paper (ResNet-152): top-1 71.6, many 73.2, medium 72.4, few 70.4.
_base_ = ['./resnet50_ce_mixup_inaturalist2018.py', '../_base_/stages/mislas.py']
stages = [
    _base_.stages[0],
    dict(
        _base_.stages[1],
        train_dataloader=dict(sampler=dict(_delete_=True, type='ltseg.ClassAwareSampler', length=437513))),
]
report = dict(method='MiSLAS')
