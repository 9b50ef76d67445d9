# SegFormer's head on a pretrained EfficientNet-Lite0 with three experts to learn from (LFME) on CamVid at full size.
#     python tools/train.py configs/segformer-lite0_lfme_camvid.py
# Train the experts before, which are read from work_dirs:
#     for group in head medium tail; do python tools/train.py configs/segformer-lite0_lfme_${group}_camvid.py; done
# Not measured.
_base_ = './segformer-lite0_ce_camvid.py'
model = dict(decode_head=dict(loss_decode=dict(type='ltseg.LFMELoss')))
experts = [f'work_dirs/segformer-lite0_lfme_{group}_camvid/iter_1000.pth' for group in ('head', 'medium', 'tail')]
custom_hooks = [
    *_base_.custom_hooks,
    dict(type='ltseg.ValidationRecall', rate='Acc'),
    dict(type='ltseg.LearnFromExperts', experts=experts),
]
report = dict(method='LFME')
