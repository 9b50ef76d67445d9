# SegFormer's head on a pretrained EfficientNet-Lite0 with cross entropy and class-centred crops on CamVid at full size.
#     python tools/train.py configs/segformer-lite0_class_crop_camvid.py
# Measured on the frozen encoder: docs/results.md.
_base_ = './segformer-lite0_ce_camvid.py'
train_pipeline = [
    dict(step, type='ltseg.ClassCrop') if step.type == 'RandomCrop' else step for step in _base_.train_pipeline
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
