# SegFormer's head on a pretrained EfficientNet-Lite0 with prototypical contrast (Hybrid-PSC) on CamVid at full size.
#     python tools/train.py configs/segformer-lite0_hybrid_psc_camvid.py
# The weight of the contrast falls as 1 - (t / T)^2 over the iterations while that of cross entropy rises.
# Not measured.
_base_ = './segformer-lite0_ce_camvid.py'
model = dict(decode_head=dict(
    loss_decode=dict(schedule=dict(shape='cumulative', complement=True)),
    regularizers=[
        dict(type='ltseg.PrototypicalContrastiveLoss', temperature=0.1, schedule=dict(shape='cumulative')),
    ]))
