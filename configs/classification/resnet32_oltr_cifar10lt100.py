# ResNet-32 with OLTR on CIFAR-10-LT, factor 100: cross entropy, then attention and a memory of the class means.
#     python tools/train.py configs/classification/resnet32_oltr_cifar10lt100.py
# Measured, 6 epochs: docs/results.md.
_base_ = ['./resnet32_ce_cifar10lt100.py', '../_base_/stages/oltr.py']
stages = [
    _base_.stages[0],
    dict(
        _base_.stages[1],
        train_dataloader=dict(sampler=dict(
            _delete_=True, type='ltseg.ClassAwareSampler', samples_per_visit=4, length=12406))),
]
report = dict(method='OLTR')
