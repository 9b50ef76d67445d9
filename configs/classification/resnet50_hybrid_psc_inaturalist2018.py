# ResNet-50 as a hybrid network with prototypical contrast (Hybrid-PSC) on iNaturalist 2018.
#     python tools/train.py configs/classification/resnet50_hybrid_psc_inaturalist2018.py
# In the recipe of BCL, as Hybrid-SC.
# Not run by us. BCL paper: top-1 68.1.
_base_ = './resnet50_hybrid_sc_inaturalist2018.py'
model = dict(head=dict(regularizers=[
    dict(
        type='ltseg.PrototypicalContrastiveLoss', temperature=0.1, views=(1, 2), hidden_channels=2048,
        schedule=dict(shape='cumulative', unit='epoch')),
]))
