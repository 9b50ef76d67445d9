# SegFormer's head on a pretrained EfficientNet-Lite0 with cross entropy and rare class sampling on CamVid at full size.
#     python tools/train.py configs/segformer-lite0_rare_sampling_camvid.py
# Measured: docs/results.md.
_base_ = './segformer-lite0_ce_camvid.py'
train_dataloader = dict(sampler=dict(_delete_=True, type='ltseg.RareClassSampler'))
