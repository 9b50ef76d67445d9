# ResNeXt-50 with three experts (RIDE, without routing) under LDAM-DRW on ImageNet-LT.
#     python tools/train.py configs/classification/resnext50_ride_imagenetlt.py
# Without mixup, and with DRW at 80 % of training as on CIFAR: the paper has other lengths and starts.
# With two and four experts: ride2, ride4.
# Not run by us. NCR paper: top-1 54.2.
_base_ = './resnext50_ce_imagenetlt.py'
experts = 3
model = dict(
    backbone=dict(
        _delete_=True,
        type='ltseg.ExpertBackbone',
        backbone=dict(type='ResNeXt', depth=50, groups=32, width_per_group=4),
        stages=('layer3', 'layer4'),
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
            dict(type='ltseg.ExpertDiversityLoss', experts=experts, sharpening=0.02, begin=72),
        ]))
custom_hooks = [*_base_.custom_hooks, dict(type='ltseg.DeferredRules', begin=72)]
report = dict(method='RIDE')
