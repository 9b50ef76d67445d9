# SegFormer's head on a pretrained EfficientNet-Lite0 with a memory of the class means (OLTR, without attention) on CamVid.
#     python tools/train.py configs/segformer-lite0_oltr_camvid.py
# In one stage, in which the memory has to follow features that are new: hence its momentum.
# Not measured.
_base_ = './segformer-lite0_ce_camvid.py'
model = dict(decode_head=dict(
    classifier=dict(type='ltseg.MetaEmbeddingClassifier'),
    regularizers=[dict(type='ltseg.DiscriminativeCentroidsLoss', loss_weight=0.01, momentum=0.99)]))
report = dict(method='OLTR')
