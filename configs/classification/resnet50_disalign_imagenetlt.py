# ResNet-50 with DisAlign on ImageNet-LT: cross entropy, then calibration of its logits.
#     python tools/train.py configs/classification/resnet50_disalign_imagenetlt.py
# Not run by us. BCL paper: top-1 52.9.
_base_ = ['./resnet50_ce_imagenetlt.py', '../_base_/stages/disalign.py']
report = dict(method='DisAlign')
