# DeepLabv3+ with cross entropy on CamVid in twice as many iterations.
#     python tools/train.py configs/deeplabv3plus_ce_camvid_long.py
# Over the last fifth, at a hundredth of the rate, validation should not move any more.
# Measured: docs/results.md.
_base_ = './deeplabv3plus_ce_camvid.py'
param_scheduler = [dict(type='PolyLR', eta_min=0.001, power=0.9, begin=0, end=6400, by_epoch=False)]
train_cfg = dict(max_iters=8000, val_interval=800)
default_hooks = dict(checkpoint=dict(interval=800))
report = dict(dataset='CamVid long')
