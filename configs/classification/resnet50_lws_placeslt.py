# Frozen ResNet-50 and a trained block with LWS on Places-LT: mixup, then a scale for each class.
#     python tools/train.py configs/classification/resnet50_lws_placeslt.py
# The rate is the recipe's 0.2 for 512 images, scaled to 1024.
# Not run by us. ARB paper: top-1 39.7, many 41.7, medium 41.3, few 33.1.
_base_ = ['./resnet50_ce_mixup_placeslt.py', '../_base_/stages/lws.py']
stages = [
    _base_.stages[0],
    dict(
        _base_.stages[1],
        optim_wrapper=dict(optimizer=dict(lr=0.4, weight_decay=0.0005)),
        model=dict(_base_.stages[1].model, train_cfg=None)),  # without mixup
]
report = dict(method='LWS')
