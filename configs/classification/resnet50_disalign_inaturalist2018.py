# ResNet-50 with DisAlign on iNaturalist 2018: cross entropy, then calibration of its logits.
#     python tools/train.py configs/classification/resnet50_disalign_inaturalist2018.py
# Not run by us. BCL paper: top-1 69.5.
_base_ = ['./resnet50_ce_inaturalist2018.py', '../_base_/stages/disalign.py']
report = dict(method='DisAlign')
