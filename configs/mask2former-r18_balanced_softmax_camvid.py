# A small Mask2Former on ResNet-18 with balanced softmax of its queries on CamVid at full size; counts are of images.
#     python tools/train.py configs/mask2former-r18_balanced_softmax_camvid.py
# Not measured.
_base_ = './mask2former-r18_ce_camvid.py'
model = dict(decode_head=dict(loss_cls=dict(rules=[dict(type='ltseg.PriorBias')])))
