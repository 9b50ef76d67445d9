# ResNeXt-50 with OLTR on ImageNet-LT: cross entropy, then attention and a memory of the class means.
#     python tools/train.py configs/classification/resnext50_oltr_imagenetlt.py
# Not run by us. LWR poster: top-1 46.7, many 58.2, medium 45.5, few 19.5.
_base_ = ['./resnext50_ce_imagenetlt.py', '../_base_/stages/oltr_imagenet.py']
report = dict(method='OLTR')
