# ResNet-50 with subclass-balancing contrast (SBCL) in the recipe of BCL on iNaturalist 2018.
#     python tools/train.py configs/classification/resnet50_sbcl_inaturalist2018.py
# As on ImageNet-LT, of which alone there is released code: in one stage with the keys of the batch.
# Not run by us. AllNC paper: top-1 70.8, many 73.3, medium 71.9, few 68.6.
_base_ = './resnet50_bcl_inaturalist2018.py'
model = dict(head=dict(regularizers=[
    dict(
        type='ltseg.SubclassBalancedContrastiveLoss', temperature=0.07, least_size=20, views=(1, 2),
        hidden_channels=2048, loss_weight=0.35),
]))
custom_hooks = [*_base_.custom_hooks, dict(type='ltseg.ClusterSubclasses', begin=50, interval=5)]
