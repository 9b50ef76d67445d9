# ResNeXt-50 with the equalization loss (ESQL) on ImageNet-LT.
#     python tools/train.py configs/classification/resnext50_equalization_imagenetlt.py
# Threshold (about 50 images) and gamma could not be checked: no code of the softmax form was published.
# Not run by us. LWR poster: top-1 47.3, many 62.5, medium 44, few 15.7.
_base_ = './resnext50_ce_imagenetlt.py'
model = dict(head=dict(loss=dict(
    _delete_=True, type='ltseg.EqualizationLoss', frequency_threshold=0.00043, gamma=0.9)))
