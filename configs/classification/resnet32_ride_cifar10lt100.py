# ResNet-32 with three experts (RIDE, without routing) under LDAM-DRW on CIFAR-10-LT, factor 100.
#     python tools/train.py configs/classification/resnet32_ride_cifar10lt100.py
# With two and four experts: ride2, ride4. A run of other length needs other starts:
#     --cfg-options custom_hooks.3.begin=24 model.head.loss.1.begin=24
# Not measured.
_base_ = './resnet32_ce_cifar10lt100.py'
experts = 3
model = dict(
    backbone=dict(
        _delete_=True,
        type='ltseg.ExpertBackbone',
        backbone=dict(type='ltseg.CIFARResNet', depth=32),
        experts=experts),
    neck=None,
    head=dict(
        classified_views=list(range(experts)),
        classifier=dict(
            type='ltseg.ExpertClassifier',
            experts=experts,
            classifier=dict(type='ltseg.CosineClassifier', scale=30.0)),
        loss=[
            # LDAM on cosines that are scaled already: its margin of 0.5 times 30.
            dict(
                type='ltseg.LongTailLoss', rules=[dict(type='ltseg.Margin', max_margin=15.0)], loss_name='loss_ldam',
                loss_weight=experts),
            dict(type='ltseg.ExpertDiversityLoss', experts=experts),
        ]))
custom_hooks = [*_base_.custom_hooks, dict(type='ltseg.DeferredRules', begin=160)]
report = dict(method='RIDE')
