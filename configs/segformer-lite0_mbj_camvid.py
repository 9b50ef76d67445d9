# SegFormer's head on a pretrained EfficientNet-Lite0 with cross entropy and memory-based jitter on CamVid at full size.
#     python tools/train.py configs/segformer-lite0_mbj_camvid.py
# Not measured.
_base_ = './segformer-lite0_ce_camvid.py'
model = dict(decode_head=dict(regularizers=[dict(type='ltseg.MemoryJitter')]))
