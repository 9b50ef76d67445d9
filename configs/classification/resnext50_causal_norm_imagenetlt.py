# ResNeXt-50 with the classifier of causal inference (causal norm, TDE) on ImageNet-LT.
#     python tools/train.py configs/classification/resnext50_causal_norm_imagenetlt.py
# alpha counts in tests only: --cfg-options model.head.classifier.alpha=0 is the model without the effect.
# Not run by us. BCL paper: top-1 51.8, many 62.7, medium 48.8, few 31.6.
_base_ = './resnext50_ce_imagenetlt.py'
model = dict(head=dict(classifier=dict(type='ltseg.CausalNormClassifier', alpha=3.0)))
train_dataloader = dict(batch_size=512)
optim_wrapper = dict(optimizer=dict(lr=0.2))
