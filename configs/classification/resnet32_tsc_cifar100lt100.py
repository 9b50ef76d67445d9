# ResNet-32 with targeted supervised contrast (TSC) in the recipe of BCL on CIFAR-100-LT, factor 100.
#     python tools/train.py configs/classification/resnet32_tsc_cifar100lt100.py
# In one stage with the keys of the batch; the paper has two stages and a queue of keys.
# Not measured.
_base_ = './resnet32_supcon_cifar100lt100.py'
model = dict(head=dict(regularizers=[
    dict(type='ltseg.TargetedContrastiveLoss', temperature=0.1, views=(1, 2), loss_weight=0.6),
]))
