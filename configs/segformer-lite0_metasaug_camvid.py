# SegFormer's head on a pretrained EfficientNet-Lite0 with ISDA under meta steps on balanced batches (MetaSAug) on CamVid.
#     python tools/train.py configs/segformer-lite0_metasaug_camvid.py
# Not measured.
_base_ = './segformer-lite0_isda_camvid.py'
custom_hooks = [*_base_.custom_hooks, dict(type='ltseg.MetaCovariances')]
