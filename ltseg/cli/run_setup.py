"""What decides the result of a run besides its seed: its resolved config as plain JSON, the same on every machine."""

import math
from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Any

from mmengine.dist import get_world_size

__all__ = ['evaluation_setup', 'training_setup']

PARTS = (
    'model', 'train_dataloader', 'train_cfg', 'optim_wrapper', 'param_scheduler', 'auto_scale_lr', 'load_from',
    'sync_bn',
)  # fmt: skip
# Where data lie and how they are read, checks during training, and what a result does not depend on.
NEUTRAL = frozenset({
    'num_workers', 'persistent_workers', 'pin_memory', 'prefetch_factor', 'data_root', 'backend_args',
    'file_client_args', 'val_interval', 'val_begin', 'dynamic_intervals', 'work_dir', 'output_dir', 'collect_device',
})  # fmt: skip
# Hooks that look on, save, stop a failed training run, or come with every Runner.
ONLOOKERS = frozenset({
    'CheckpointHook', 'LoggerHook', 'IterTimerHook', 'RuntimeInfoHook', 'ParamSchedulerHook', 'DistSamplerSeedHook',
    'SegVisualizationHook', 'VisualizationHook', 'MemoryProfilerHook', 'ProfilerHook', 'EmptyCacheHook',
    'CollapseMonitor', 'GradientMonitor', 'StopOnNaN',
})  # fmt: skip
WEIGHTS = frozenset({'load_from', 'checkpoint', 'pretrained', 'counts', 'table'})  # keys of files


def training_setup(config: Mapping[str, Any], earlier: Sequence[Mapping[str, Any]] = ()) -> dict[str, Any]:
    """What a model is trained with.

    Left out: the seed, the device and the launcher, work dirs and folders of data, workers, logging, visualization,
    validation during training, and checkpoints. Of other paths the end stays.

    Args:
        config: As it is before the training run starts; the checkpoint that a run is resumed from does not count.
        earlier: Configs of the stages before.
    """
    setups = [_setup(stage, is_first=not index) for index, stage in enumerate((*earlier, config))]
    return {**setups[-1], 'stages_before': setups[:-1]} if earlier else setups[-1]


def _setup(config: Mapping[str, Any], is_first: bool) -> dict[str, Any]:
    """That of one stage; all but the first go on from a checkpoint of the stage before."""
    parts = {key: config.get(key) for key in PARTS}
    model = {**(config.get('model') or {})}
    if 'data_preprocessor' not in model and config.get('data_preprocessor'):  # as the Runner does
        model['data_preprocessor'] = config['data_preprocessor']
    model.pop('test_cfg', None)
    parts['model'] = model
    parts['processes'] = get_world_size() if get_world_size() > 1 else None
    if config.get('resume') or not is_first:
        parts['load_from'] = None
    hooks = [*(config.get('custom_hooks') or ()), *(config.get('default_hooks') or {}).values()]
    parts['hooks'] = [hook for hook in hooks if isinstance(hook, Mapping) and _type(hook) not in ONLOOKERS]
    return {key: _plain(value, key) for key, value in parts.items() if value not in (None, {}, [])}


def evaluation_setup(config: Mapping[str, Any], split: str, **more: Any) -> dict[str, Any]:
    """What a model is evaluated with.

    Args:
        config: As it is evaluated.
        split: Whose data loader counts.
        **more: What the config does not say, such as test-time augmentation.
    """
    loader = config.get(f'{split}_dataloader') or {}
    parts = {
        'dataset': loader.get('dataset'),
        'batch_size': loader.get('batch_size'),
        'test_cfg': (config.get('model') or {}).get('test_cfg'),
        **more,
    }
    return {'evaluation': {key: _plain(value, key) for key, value in parts.items() if value not in (None, {}, [])}}


def _type(part: Mapping[str, Any]) -> str:
    kind = part.get('type')
    return str(getattr(kind, '__name__', kind)).rpartition('.')[2]


def _plain(value: Any, key: str = '') -> Any:
    """A value of a config as JSON has it."""
    if isinstance(value, Mapping):
        return {str(name): _plain(entry, str(name)) for name, entry in value.items() if name not in NEUTRAL}
    if isinstance(value, list | tuple | set):
        return [_plain(entry, key) for entry in value]
    if value is None or isinstance(value, bool | int) or (isinstance(value, float) and math.isfinite(value)):
        return value
    if isinstance(value, str | PurePath):
        return _portable(str(value), key)
    return str(getattr(value, '__name__', value if isinstance(value, float) else type(value).__name__))


def _portable(text: str, key: str) -> str:
    """A path without what differs between machines: the end of absolute ones, and of those of weights and tables."""
    parts = [part for part in text.replace('\\', '/').split('/') if part]
    if not parts or ('/' not in text and '\\' not in text):
        return text
    is_absolute = text.startswith(('/', '~')) or text[1:3] in (':/', ':\\')
    return '/'.join(parts[-2:]) if is_absolute or key in WEIGHTS else text
