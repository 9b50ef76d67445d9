# ResNet-32 with DisAlign on CIFAR-100-LT, factor 100: cross entropy, then calibration of its logits.
#     python tools/train.py configs/classification/resnet32_disalign_cifar100lt100.py
# The exponent rho is that of the ImageNet-LT recipe.
# Not measured.
_base_ = ['./resnet32_ce_cifar100lt100.py', '../_base_/schedules/second_stage_10e.py']
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
