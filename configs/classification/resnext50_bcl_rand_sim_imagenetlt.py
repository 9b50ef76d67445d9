# ResNeXt-50 with balanced contrastive learning (BCL) and RandAugment in one of the compared views, on ImageNet-LT.
#     python tools/train.py configs/classification/resnext50_bcl_rand_sim_imagenetlt.py
# As in released code, such a view is SimAugment without blur and then RandAugment.
# Not run by us. BCL paper: top-1 57.1, many 67.1, medium 54.6, few 37.1.
_base_ = './resnext50_bcl_imagenetlt.py'
strong_view = [*_base_.compared_view[:-1], _base_.classified_view[-1]]
train_pipeline = [
    _base_.train_pipeline[0],
    dict(type='MultiView', num_views=[1, 1, 1], transforms=[_base_.classified_view, strong_view, _base_.compared_view]),
    _base_.train_pipeline[-1],
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
report = dict(method='BCL, RandAugment in one of the compared views')
