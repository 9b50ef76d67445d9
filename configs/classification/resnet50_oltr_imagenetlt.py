# ResNet-50 with OLTR on ImageNet-LT: cross entropy, then attention and a memory of the class means.
#     python tools/train.py configs/classification/resnet50_oltr_imagenetlt.py
# Not run by us. ARB paper: top-1 37.7.
_base_ = ['./resnet50_ce_imagenetlt.py', '../_base_/stages/oltr_imagenet.py']
report = dict(method='OLTR')
