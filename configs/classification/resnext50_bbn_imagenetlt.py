# ResNeXt-50 as a bilateral-branch network (BBN) on ImageNet-LT; a batch has 128 pairs.
#     python tools/train.py configs/classification/resnext50_bbn_imagenetlt.py
# Not run by us. LWR poster: top-1 41.2, many 40, medium 43.3, few 40.8.
_base_ = './resnext50_ce_imagenetlt.py'
model = dict(type='ltseg.BilateralClassifier', branched='layer4.-1', head=dict(in_channels=4096))
train_dataloader = dict(batch_size=256, sampler=dict(_delete_=True, type='ltseg.BilateralSampler'))
