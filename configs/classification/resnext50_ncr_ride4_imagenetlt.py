# ResNeXt-50 with regularizers of neural collapse beside four experts (RIDE) on ImageNet-LT.
#     python tools/train.py configs/classification/resnext50_ncr_ride4_imagenetlt.py
# Both terms begin in the middle of training.
# Not run by us. NCR paper: top-1 56.0.
_base_ = './resnext50_ride4_imagenetlt.py'
model = dict(head=dict(regularizers=[
    dict(type='ltseg.WithinClassRegularizer', loss_weight=0.05, schedule=dict(start=0.5)),
    dict(type='ltseg.BetweenClassRegularizer', loss_weight=1.0, schedule=dict(start=0.5)),
]))
report = dict(method='RIDE, four experts, NCR')
