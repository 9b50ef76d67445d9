# ResNeXt-50 with DisAlign on ImageNet-LT: cross entropy, then calibration of its logits.
#     python tools/train.py configs/classification/resnext50_disalign_imagenetlt.py
# Not run by us. BCL paper: top-1 53.4, many 62.7, medium 52.1, few 31.4.
_base_ = ['./resnext50_ce_imagenetlt.py', '../_base_/stages/disalign.py']
report = dict(method='DisAlign')
