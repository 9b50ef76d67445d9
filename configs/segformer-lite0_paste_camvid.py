# SegFormer's head on a pretrained EfficientNet-Lite0 with cross entropy and rare-class pasting on CamVid at full size.
#     python tools/train.py configs/segformer-lite0_paste_camvid.py
# Measured on the frozen encoder: docs/results.md.
_base_ = './segformer-lite0_ce_camvid.py'
train_dataloader = dict(
    dataset=dict(
        _delete_=True,
        type='ltseg.PastingDataset',
        dataset=dict(_base_.train_dataloader.dataset, pipeline=_base_.train_pipeline[:3]),
        pipeline=[*_base_.train_pipeline[3:5], dict(type='ltseg.RareClassPaste'), *_base_.train_pipeline[5:]],
    )
)
