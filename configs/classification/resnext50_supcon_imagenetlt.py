# ResNeXt-50 with supervised contrast (SupCon, FCL) in the recipe of BCL on ImageNet-LT.
#     python tools/train.py configs/classification/resnext50_supcon_imagenetlt.py
# In one stage with the keys of the batch; FCL has two stages and a queue of keys.
# Not run by us. NCR paper, FCL: top-1 49.8, many 61.4, medium 47.0, few 28.2.
_base_ = './resnext50_bcl_imagenetlt.py'
model = dict(head=dict(regularizers=[
    dict(
        type='ltseg.SupervisedContrastiveLoss', temperature=0.07, views=(1, 2), hidden_channels=2048,
        out_channels=1024, loss_weight=0.35),
]))
