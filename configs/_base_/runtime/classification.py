# The runtime of segmentation on MMPretrain, in epochs.
_base_ = './default.py'
default_scope = 'mmpretrain'
default_hooks = dict(
    logger=dict(log_metric_by_epoch=True),
    checkpoint=dict(by_epoch=True, interval=10),
    visualization=dict(type='VisualizationHook'))
visualizer = dict(type='UniversalVisualizer')
log_processor = dict(by_epoch=True)
tta_model = None
