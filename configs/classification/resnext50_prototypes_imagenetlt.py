# ResNeXt-50 with a prototype classifier on ImageNet-LT: cross entropy, then prototypes on balanced classes.
#     python tools/train.py configs/classification/resnext50_prototypes_imagenetlt.py
# Not run by us.
_base_ = ['./resnext50_ce_imagenetlt.py', '../_base_/stages/prototypes.py']
report = dict(method='prototypes')
