# ResNeXt-50 with NC-DRW, then a new classifier on balanced classes (NC-DRW-cRT), on ImageNet-LT.
#     python tools/train.py configs/classification/resnext50_ncr_drw_crt_imagenetlt.py
# As in the script of its released code for this second stage: a new classifier, 10 epochs from 0.1 on a cosine.
# Not run by us. NCR paper: top-1 54.2, many 65.6, medium 51.2, few 35.4.
_base_ = ['./resnext50_ncr_drw_imagenetlt.py', '../_base_/stages/crt.py']
stages = [
    _base_.stages[0],
    dict(
        _base_.stages[1],
        optim_wrapper=dict(optimizer=dict(lr=0.1, weight_decay=0.0005)),
        model=dict(train_cfg=None, head=dict(regularizers=[])),
        custom_hooks=_base_.custom_hooks[:-1]),  # without DRW
]
report = dict(method='NC-DRW-cRT')
