# ResNet-50 with self-supervised pre-training (SSP) by MoCo v2 on ImageNet-LT, then cross entropy, then cRT.
#     python tools/train.py configs/classification/resnet50_ssp_imagenetlt.py
# Not measured.
_base_ = [
    '../_base_/models/resnet50.py', '../_base_/datasets/imagenet_lt.py',
    '../_base_/schedules/cosine_90e.py', '../_base_/runtime/classification.py', '../_base_/stages/ssp_moco.py',
]
stages = [
    dict(
        _base_.stages[0],
        data_preprocessor=dict(
            _delete_=True,
            type='SelfSupDataPreprocessor',
            mean=_base_.data_preprocessor.mean,
            std=_base_.data_preprocessor.std,
            to_rgb=True)),
    *_base_.stages[1:],
]
report = dict(method='SSP')
