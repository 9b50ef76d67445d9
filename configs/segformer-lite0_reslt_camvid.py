# SegFormer's head on a pretrained EfficientNet-Lite0 with residual branches for rarer classes (ResLT) on CamVid.
#     python tools/train.py configs/segformer-lite0_reslt_camvid.py
# Not measured.
_base_ = './segformer-lite0_ce_camvid.py'
beta = 0.99
model = dict(decode_head=dict(
    loss_decode=dict(loss_weight=1 - beta),
    classifier=dict(type='ltseg.ResidualBranchClassifier', branches=3),
    regularizers=[dict(type='ltseg.ResidualBranchLoss', loss_weight=beta)]))
report = dict(method='ResLT')
