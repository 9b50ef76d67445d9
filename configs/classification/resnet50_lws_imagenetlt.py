# ResNet-50 with LWS on ImageNet-LT: mixup, then a scale for each class.
#     python tools/train.py configs/classification/resnet50_lws_imagenetlt.py
# The rate is the recipe's 0.2 for 512 images, scaled to 1024.
# Not run by us. ARB paper: top-1 52.0, many 62.9, medium 49.8, few 31.6.
_base_ = ['./resnet50_ce_mixup_imagenetlt.py', '../_base_/stages/lws.py']
stages = [
    _base_.stages[0],
    dict(
        _base_.stages[1],
        optim_wrapper=dict(optimizer=dict(lr=0.4, weight_decay=0.0005)),
        model=dict(_base_.stages[1].model, train_cfg=None)),  # without mixup
]
report = dict(method='LWS')
