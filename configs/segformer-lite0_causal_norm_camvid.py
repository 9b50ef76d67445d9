# SegFormer's head on a pretrained EfficientNet-Lite0 with the classifier of causal inference on CamVid at full size.
#     python tools/train.py configs/segformer-lite0_causal_norm_camvid.py
# alpha counts in tests only: --cfg-options model.decode_head.classifier.alpha=0 is the model without the effect.
# Not measured.
_base_ = './segformer-lite0_ce_camvid.py'
model = dict(decode_head=dict(classifier=dict(type='ltseg.CausalNormClassifier', alpha=1.0)))
