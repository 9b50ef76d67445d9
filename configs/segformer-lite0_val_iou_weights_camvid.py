# SegFormer's head on a pretrained EfficientNet-Lite0 with weights by validation IoU on CamVid at full size.
#     python tools/train.py configs/segformer-lite0_val_iou_weights_camvid.py
# Not measured.
_base_ = './segformer-lite0_ce_camvid.py'
model = dict(decode_head=dict(loss_decode=dict(type='ltseg.RecallLoss')))
custom_hooks = [*_base_.custom_hooks, dict(type='ltseg.ValidationRecall', rate='IoU')]
