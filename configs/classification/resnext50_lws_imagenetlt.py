# ResNeXt-50 with LWS on ImageNet-LT: mixup, then a scale for each class.
#     python tools/train.py configs/classification/resnext50_lws_imagenetlt.py
# The rate is the recipe's 0.2 for 512 images, scaled to 256.
# Not run by us. NCR paper: top-1 47.7, many 57.1, medium 45.2, few 29.3.
_base_ = ['./resnext50_ce_mixup_imagenetlt.py', '../_base_/stages/lws.py']
stages = [
    _base_.stages[0],
    dict(
        _base_.stages[1],
        optim_wrapper=dict(optimizer=dict(lr=0.1, weight_decay=0.0005)),
        model=dict(_base_.stages[1].model, train_cfg=None)),  # without mixup
]
report = dict(method='LWS')
