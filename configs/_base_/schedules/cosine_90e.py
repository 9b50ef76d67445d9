# 90 epochs with a cosine from 0.1 to 0: the ARB paper's recipe for Places-LT with batches of 1024 (8 processes of 128),
# the BCL paper's for ImageNet-LT with batches of 256.
_base_ = './cosine_200e.py'
param_scheduler = [dict(type='CosineAnnealingLR', by_epoch=True, T_max=90, eta_min=0)]
train_cfg = dict(max_epochs=90)
