# ResNet-50 with a prototype classifier on iNaturalist 2018: cross entropy, then prototypes on balanced classes.
#     python tools/train.py configs/classification/resnet50_prototypes_inaturalist2018.py
# Not run by us.
_base_ = ['./resnet50_ce_inaturalist2018.py', '../_base_/stages/prototypes.py']
report = dict(method='prototypes')
