# ResNeXt-50 with contrast of six positives (KCL) in the recipe of BCL on ImageNet-LT.
#     python tools/train.py configs/classification/resnext50_kcl_imagenetlt.py
# In one stage with the keys of the batch; the paper has two stages and a queue of keys.
# Not run by us. NCR paper: top-1 51.5, many 62.4, medium 49.0, few 29.5.
_base_ = './resnext50_bcl_imagenetlt.py'
model = dict(head=dict(regularizers=[
    dict(
        type='ltseg.SupervisedContrastiveLoss', positives=6, temperature=0.07, views=(1, 2), hidden_channels=2048,
        out_channels=1024, loss_weight=0.35),
]))
