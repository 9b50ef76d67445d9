# ResNet-50 with self-supervised pre-training (SSP) by MoCo v2 on iNaturalist 2018, then cross entropy, then cRT.
#     python tools/train.py configs/classification/resnet50_ssp_inaturalist2018.py
# Not measured.
_base_ = [
    '../_base_/models/resnet50.py', '../_base_/datasets/inaturalist2018.py',
    '../_base_/schedules/cosine_90e.py', '../_base_/runtime/classification.py', '../_base_/stages/ssp_moco.py',
]
model = dict(head=dict(num_classes=8142))
optim_wrapper = dict(optimizer=dict(weight_decay=0.0001))
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
