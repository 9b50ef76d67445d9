# ResNeXt-50 with subclass-balancing contrast (SBCL) in the recipe of BCL on ImageNet-LT.
#     python tools/train.py configs/classification/resnext50_sbcl_imagenetlt.py
# In one stage with the keys of the batch, divided from the middle of training on; the paper has two stages, a queue of
# keys, and KCL in the first half.
# Not run by us. AllNC paper: top-1 53.4, many 63.8, medium 51.3, few 31.2.
_base_ = './resnext50_bcl_imagenetlt.py'
model = dict(head=dict(regularizers=[
    dict(
        type='ltseg.SubclassBalancedContrastiveLoss', temperature=0.07, least_size=20, views=(1, 2),
        hidden_channels=2048, loss_weight=0.35),
]))
custom_hooks = [*_base_.custom_hooks, dict(type='ltseg.ClusterSubclasses', begin=45, interval=5)]
