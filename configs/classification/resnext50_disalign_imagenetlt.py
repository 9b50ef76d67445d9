# ResNeXt-50 with DisAlign on ImageNet-LT: cross entropy, then calibration of its logits.
#     python tools/train.py configs/classification/resnext50_disalign_imagenetlt.py
# Not run by us. BCL paper: top-1 53.4, many 62.7, medium 52.1, few 31.4.
_base_ = ['./resnext50_ce_imagenetlt.py', '../_base_/schedules/second_stage_10e.py']
stages = [
    dict(name='representation'),
    dict(
        name='classifier',
        **_base_.second_stage,
        optim_wrapper=dict(optimizer=dict(lr=0.1, weight_decay=0.0005)),
        model=dict(head=dict(
            classifier=dict(type='ltseg.DisAlignClassifier'),
            loss=dict(_delete_=True, type='ltseg.ReweightedLoss', scheme='generalized', rho=1.2))),
        custom_hooks=[
            *_base_.custom_hooks,
            dict(
                type='ltseg.TrainOnly',
                parameters=['head.fc.logit_scale', 'head.fc.logit_bias', 'head.fc.confidence']),
        ],
    ),
]
