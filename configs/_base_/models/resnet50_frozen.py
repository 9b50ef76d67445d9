# ResNet-50 pretrained on ImageNet, frozen and in evaluation mode, with one new bottleneck block to train.
_base_ = './resnet50.py'
weights = 'https://download.openmmlab.com/mmclassification/v0/resnet/resnet50_8xb32_in1k_20210831-ea4938fc.pth'
model = dict(
    backbone=dict(frozen_stages=4, init_cfg=dict(type='Pretrained', checkpoint=weights, prefix='backbone')),
    neck=[dict(type='ltseg.BottleneckNeck', in_channels=2048), dict(type='GlobalAveragePooling')])
