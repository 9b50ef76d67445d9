# Frozen ResNet-50 and a trained block with cRT on Places-LT: mixup, then a new classifier on balanced classes.
#     python tools/train.py configs/classification/resnet50_crt_placeslt.py
# The rate is the recipe's 0.2 for 512 images, scaled to 1024.
# Not run by us. ARB paper: top-1 38.3, many 44.1, medium 38.5, few 27.1.
_base_ = ['./resnet50_ce_mixup_placeslt.py', '../_base_/stages/crt.py']
stages = [
    _base_.stages[0],
    dict(
        _base_.stages[1],
        optim_wrapper=dict(optimizer=dict(lr=0.4, weight_decay=0.0005)),
        model=dict(train_cfg=None)),  # without mixup
]
report = dict(method='cRT')
