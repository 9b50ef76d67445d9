"""Registries with scope ``ltseg``.

mmengine imports ``ltseg.registry`` when a config names a type ``ltseg.X``, and reads an ImportError here as "not
registered". So this file imports no package but mmengine; the modules that need torch, mmseg or mmpretrain are named as
``locations`` and imported when the first type is looked up, where a broken dependency surfaces under its own name.
"""

from ltseg.core.missing_packages import missing_package

try:
    from mmengine import registry as parent
    from mmengine.registry import Registry
except ModuleNotFoundError as error:
    if error.name != 'mmengine':  # something that mmengine itself lacks
        raise
    raise missing_package('ltseg.registry', 'mmengine') from error

__all__ = [
    'DATASETS',
    'DATA_SAMPLERS',
    'FUNCTIONS',
    'HOOKS',
    'METRICS',
    'MODELS',
    'OPTIM_WRAPPERS',
    'TASK_UTILS',
    'TRANSFORMS',
]

PARTS = ['ltseg.rules', 'ltseg.losses', 'ltseg.regularizers', 'ltseg.heads', 'ltseg.models']

MODELS = Registry('model', parent=parent.MODELS, scope='ltseg', locations=PARTS)
DATASETS = Registry('dataset', parent=parent.DATASETS, scope='ltseg', locations=['ltseg.datasets'])
TRANSFORMS = Registry('transform', parent=parent.TRANSFORMS, scope='ltseg', locations=['ltseg.datasets'])
DATA_SAMPLERS = Registry('data sampler', parent=parent.DATA_SAMPLERS, scope='ltseg', locations=['ltseg.datasets'])
FUNCTIONS = Registry('function', parent=parent.FUNCTIONS, scope='ltseg', locations=['ltseg.datasets'])
HOOKS = Registry('hook', parent=parent.HOOKS, scope='ltseg', locations=['ltseg.hooks'])
METRICS = Registry('metric', parent=parent.METRICS, scope='ltseg', locations=['ltseg.metrics'])
OPTIM_WRAPPERS = Registry('optim wrapper', parent=parent.OPTIM_WRAPPERS, scope='ltseg', locations=['ltseg.hooks'])
TASK_UTILS = Registry('task util', parent=parent.TASK_UTILS, scope='ltseg', locations=['ltseg.heads'])
