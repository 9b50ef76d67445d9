# An expert of LFME: SegFormer's head on a pretrained EfficientNet-Lite0 with the 4 tail classes of CamVid, full size.
#     python tools/train.py configs/segformer-lite0_lfme_tail_camvid.py
# Not measured.
_base_ = './segformer-lite0_ce_camvid.py'
part = dict(metainfo=dict(classes=('Pole', 'Fence', 'Pedestrian', 'Bicyclist')))
model = dict(decode_head=dict(num_classes=4))
train_dataloader = dict(dataset=part)
val_dataloader = dict(dataset=part)
test_dataloader = dict(dataset=part)
report = dict(method='LFME, expert of tail')
