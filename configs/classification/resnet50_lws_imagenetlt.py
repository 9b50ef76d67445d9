# ResNet-50 with LWS on ImageNet-LT: mixup, then a scale for each class.
#     python tools/train.py configs/classification/resnet50_lws_imagenetlt.py
# The rate is the recipe's 0.2 for 512 images, scaled to 1024.
# Not run by us. ARB paper: top-1 52.0, many 62.9, medium 49.8, few 31.6.
_base_ = ['./resnet50_ce_mixup_imagenetlt.py', '../_base_/schedules/second_stage_10e.py']
stages = [
    dict(name='representation'),
    dict(
        name='classifier',
        **_base_.second_stage,
        optim_wrapper=dict(optimizer=dict(lr=0.4, weight_decay=0.0005)),
        train_dataloader=dict(sampler=dict(_delete_=True, type='ltseg.ClassBalancedSampler')),
        model=dict(train_cfg=None, head=dict(classifier=dict(type='ltseg.LearnableScaleClassifier'))),
        custom_hooks=[*_base_.custom_hooks, dict(type='ltseg.TrainOnly', parameters=['head.fc.scale'])],
    ),
]
