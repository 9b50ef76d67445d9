# SegFormer's head on a pretrained EfficientNet-Lite0 and OLTR, a memory of the class means, on CamVid.
#     python tools/train.py configs/segformer-lite0_oltr_camvid.py
# In one stage, without attention. The momentum is that of a memory that follows features from the start of training.
# Not measured.
_base_ = './segformer-lite0_ce_camvid.py'
model = dict(decode_head=dict(
    classifier=dict(type='ltseg.MetaEmbeddingClassifier'),
    regularizers=[dict(type='ltseg.DiscriminativeCentroidsLoss', loss_weight=0.01, momentum=0.99)]))
report = dict(method='OLTR')
