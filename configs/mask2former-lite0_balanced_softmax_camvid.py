# A small Mask2Former on a pretrained EfficientNet-Lite0 with balanced softmax of its queries on CamVid; counts are of images.
#     python tools/train.py configs/mask2former-lite0_balanced_softmax_camvid.py
# Measured, 400 iterations: docs/results.md.
_base_ = './mask2former-lite0_ce_camvid.py'
model = dict(decode_head=dict(loss_cls=dict(rules=[dict(type='ltseg.PriorBias')])))
