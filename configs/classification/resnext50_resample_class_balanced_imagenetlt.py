# ResNeXt-50 with cross entropy and mixup on balanced classes of ImageNet-LT.
#     python tools/train.py configs/classification/resnext50_resample_class_balanced_imagenetlt.py
# Not run by us. NCR paper: top-1 47.8, many 64.6, medium 42.6, few 17.8.
_base_ = './resnext50_ce_mixup_imagenetlt.py'
train_dataloader = dict(sampler=dict(_delete_=True, type='ltseg.ClassBalancedSampler'))
