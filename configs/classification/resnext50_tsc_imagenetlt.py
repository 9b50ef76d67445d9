# ResNeXt-50 with targeted supervised contrast (TSC) in the recipe of BCL on ImageNet-LT.
#     python tools/train.py configs/classification/resnext50_tsc_imagenetlt.py
# In one stage with the keys of the batch; the paper has two stages and a queue of keys.
# Not run by us. NCR paper: top-1 52.4, many 63.5, medium 49.7, few 30.4.
_base_ = './resnext50_bcl_imagenetlt.py'
model = dict(head=dict(regularizers=[
    dict(
        type='ltseg.TargetedContrastiveLoss', temperature=0.07, views=(1, 2), hidden_channels=2048,
        out_channels=1024, loss_weight=0.35),
]))
