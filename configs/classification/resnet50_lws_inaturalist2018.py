# ResNet-50 with LWS on iNaturalist 2018: mixup, then a scale for each class.
#     python tools/train.py configs/classification/resnet50_lws_inaturalist2018.py
# The rate is the recipe's 0.2 for 512 images, scaled to 1024.
# Not run by us. ARB paper (ResNet-152): top-1 70.9, many 72.8, medium 71.6, few 69.8.
_base_ = ['./resnet50_ce_mixup_inaturalist2018.py', '../_base_/stages/lws.py']
stages = [
    _base_.stages[0],
    dict(
        _base_.stages[1],
        optim_wrapper=dict(optimizer=dict(lr=0.4, weight_decay=0.0005)),
        model=dict(_base_.stages[1].model, train_cfg=None)),  # without mixup
]
report = dict(method='LWS')
