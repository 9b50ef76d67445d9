# Frozen ResNet-50 and a trained block with MiSLAS on Places-LT: mixup, then label-aware smoothing on balanced classes.
#     python tools/train.py configs/classification/resnet50_mislas_placeslt.py
# Not run by us. ARB paper: top-1 40.4, many 39.6, medium 43.3, few 36.1.
_base_ = ['./resnet50_ce_mixup_placeslt.py', '../_base_/stages/mislas.py']
stages = [
    _base_.stages[0],
    dict(
        _base_.stages[1],
        model=dict(
            train_cfg=None,
            head=dict(
                classifier=dict(type='ltseg.LearnableScaleClassifier'),
                loss=dict(_delete_=True, type='ltseg.LabelAwareSmoothingLoss', head=0.4, tail=0.1))),
        train_dataloader=dict(sampler=dict(_delete_=True, type='ltseg.ClassAwareSampler', length=62500))),
]
report = dict(method='MiSLAS')
