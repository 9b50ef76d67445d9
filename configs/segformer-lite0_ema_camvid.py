# SegFormer's head on a pretrained EfficientNet-Lite0 with cross entropy and averaged weights on CamVid at full size.
#     python tools/train.py configs/segformer-lite0_ema_camvid.py
# Not measured.
_base_ = './segformer-lite0_ce_camvid.py'
# Over about the last tenth of the iterations so far, with the statistics of batch normalisation.
averaging = dict(type='EMAHook', ema_type='MomentumAnnealingEMA', gamma=10, momentum=0.001, update_buffers=True)
custom_hooks = [*_base_.custom_hooks, averaging]
