# ResNeXt-50 with four experts (RIDE, without routing) under LDAM-DRW on ImageNet-LT.
#     python tools/train.py configs/classification/resnext50_ride4_imagenetlt.py
# Not run by us. NCR paper: top-1 55.2.
_base_ = './resnext50_ride_imagenetlt.py'
experts = 4
model = dict(
    backbone=dict(experts=experts),
    head=dict(
        classified_views=list(range(experts)),
        classifier=dict(experts=experts),
        loss=[
            dict(_base_.model.head.loss[0], loss_weight=experts),
            dict(_base_.model.head.loss[1], experts=experts),
        ]))
report = dict(method='RIDE, four experts')
