# ResNet-50 with RISDA on iNaturalist 2018: cross entropy, then a classifier of features that vary as similar classes.
#     python tools/train.py configs/classification/resnet50_risda_inaturalist2018.py
# Variances of single dimensions and the strength are those of released code for ImageNet-LT, which has no drift; the
# second stage is ten epochs, with a cosine.
# Not run by us.
_base_ = ['./resnet50_ce_inaturalist2018.py', '../_base_/stages/risda.py', '../_base_/schedules/second_stage_10e.py']
rules = [dict(type='ltseg.Weighting', scheme='effective_number')]
stages = [
    dict(name='representation'),
    dict(
        name='classifier',
        **_base_.second_stage,
        optim_wrapper=dict(optimizer=dict(lr=0.01)),
        model=dict(head=dict(loss=dict(
            _delete_=True, type='ltseg.RISDALoss', strength=7.5, drift=0.0, covariance='diagonal', rules=rules))),
        extra_hooks=_base_.stages[1].extra_hooks),
]
report = dict(method='RISDA')
