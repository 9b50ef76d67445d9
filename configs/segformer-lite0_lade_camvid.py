# SegFormer's head on a pretrained EfficientNet-Lite0 with label distribution disentangling (LADE) on CamVid.
#     python tools/train.py configs/segformer-lite0_lade_camvid.py
# Not measured.
_base_ = './segformer-lite0_ce_camvid.py'
loss = [dict(type='ltseg.BalancedSoftmaxLoss'), dict(type='ltseg.LADERLoss', loss_weight=0.1)]
model = dict(decode_head=dict(loss_decode=loss))
report = dict(method='LADE')
