# ResNet-50 with context-shift augmentation (CSA) on ImageNet-LT; a batch has 256 pairs.
#     python tools/train.py configs/classification/resnet50_csa_imagenetlt.py
# The recipe of released code. A checkpoint has 200 MB more, the bank of 256 images with their masks.
# Not run by us. AllNC paper: top-1 49.7, many 63.6, medium 47.0, few 23.8.
_base_ = [
    '../_base_/models/resnet50.py', '../_base_/datasets/imagenet_lt.py',
    '../_base_/schedules/cosine_90e.py', '../_base_/runtime/classification.py',
]
model = dict(type='ltseg.ContextShiftClassifier', bank_size=256, begin=10, image_shape=(3, 224, 224))
train_dataloader = dict(
    batch_size=512,
    sampler=dict(_delete_=True, type='ltseg.BilateralSampler', second=dict(type='ltseg.ClassAwareSampler')))
optim_wrapper = dict(optimizer=dict(lr=0.2))
report = dict(method='CSA')
