# ResNet-50 as a bilateral-branch network (BBN) on iNaturalist 2018; a batch has 128 pairs.
#     python tools/train.py configs/classification/resnet50_bbn_inaturalist2018.py
# Not run by us. ARB paper (ResNet-152): top-1 69.6.
_base_ = './resnet50_ce_inaturalist2018.py'
model = dict(type='ltseg.BilateralClassifier', branched='layer4.-1', head=dict(in_channels=4096))
train_dataloader = dict(batch_size=256, sampler=dict(_delete_=True, type='ltseg.BilateralSampler'))
