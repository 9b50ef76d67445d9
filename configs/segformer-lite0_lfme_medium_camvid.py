# An expert of LFME: SegFormer's head on a pretrained EfficientNet-Lite0 with the 3 medium classes of CamVid, full size.
#     python tools/train.py configs/segformer-lite0_lfme_medium_camvid.py
# Not measured.
_base_ = './segformer-lite0_ce_camvid.py'
part = dict(metainfo=dict(classes=('Pavement', 'SignSymbol', 'Car')))
model = dict(decode_head=dict(num_classes=3))
train_dataloader = dict(dataset=part)
val_dataloader = dict(dataset=part)
test_dataloader = dict(dataset=part)
report = dict(method='LFME, expert of medium')
