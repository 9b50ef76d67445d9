# ResNet-50 as a hybrid network with supervised contrast (Hybrid-SC) on iNaturalist 2018.
#     python tools/train.py configs/classification/resnet50_hybrid_sc_inaturalist2018.py
# In the recipe of BCL: the first of three views is classified, the others are compared.
# Not run by us. BCL paper: top-1 66.7.
_base_ = './resnet50_bcl_inaturalist2018.py'
model = dict(head=dict(
    classifier=None,
    loss=dict(
        _delete_=True, type='ltseg.CrossEntropyLoss',
        schedule=dict(shape='cumulative', unit='epoch', complement=True)),
    regularizers=[
        dict(
            type='ltseg.SupervisedContrastiveLoss', temperature=0.1, views=(1, 2), hidden_channels=2048,
            schedule=dict(shape='cumulative', unit='epoch')),
    ]))
