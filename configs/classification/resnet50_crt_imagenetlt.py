# ResNet-50 with cRT on ImageNet-LT: mixup, then a new classifier on balanced classes.
#     python tools/train.py configs/classification/resnet50_crt_imagenetlt.py
# The rate is the recipe's 0.2 for 512 images, scaled to 1024.
# Not run by us. ARB paper: top-1 51.7, many 63.9, medium 49.1, few 30.2.
_base_ = ['./resnet50_ce_mixup_imagenetlt.py', '../_base_/stages/crt.py']
stages = [
    _base_.stages[0],
    dict(
        _base_.stages[1],
        optim_wrapper=dict(optimizer=dict(lr=0.4, weight_decay=0.0005)),
        model=dict(train_cfg=None)),  # without mixup
]
report = dict(method='cRT')
