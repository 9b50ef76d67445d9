# ResNeXt-50 with cRT on ImageNet-LT: mixup, then a new classifier on balanced classes.
#     python tools/train.py configs/classification/resnext50_crt_imagenetlt.py
# The rate is the recipe's 0.2 for 512 images, scaled to 256.
# Not run by us. NCR paper: top-1 47.3, many 58.8, medium 33.0, few 26.1.
_base_ = ['./resnext50_ce_mixup_imagenetlt.py', '../_base_/stages/crt.py']
stages = [
    _base_.stages[0],
    dict(
        _base_.stages[1],
        optim_wrapper=dict(optimizer=dict(lr=0.1, weight_decay=0.0005)),
        model=dict(train_cfg=None)),  # without mixup
]
report = dict(method='cRT')
