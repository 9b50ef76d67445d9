# ResNet-32 with four experts (RIDE, without routing) under LDAM-DRW on CIFAR-10-LT, factor 100.
#     python tools/train.py configs/classification/resnet32_ride4_cifar10lt100.py
# A run of other length needs other starts: --cfg-options custom_hooks.3.begin=24 model.head.loss.1.begin=24
# Not measured.
_base_ = './resnet32_ride_cifar10lt100.py'
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
