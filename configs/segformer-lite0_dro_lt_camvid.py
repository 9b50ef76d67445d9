# SegFormer's head on a pretrained EfficientNet-Lite0 with cross entropy and DRO-LT on CamVid at full size.
#     python tools/train.py configs/segformer-lite0_dro_lt_camvid.py
# Not measured.
_base_ = './segformer-lite0_ce_camvid.py'
model = dict(decode_head=dict(regularizers=[
    dict(type='ltseg.DistributionalRobustnessLoss', schedule=dict(start=0.5), loss_weight=0.1),
]))
