"""Settings that are of another type than everything that reads them takes for granted, such as a model that is 5."""

import logging
import os
from collections.abc import Iterator, Mapping
from typing import Any

from mmengine.config import Config

from ltseg.config_parts import parts_of
from ltseg.core.errors import UsageError, describe

__all__ = ['check_setting_types']

SPLITS = ('train', 'val', 'test')
PARTS_OF_SPLITS = ('dataloader', 'dataloader.dataset', 'dataloader.sampler', 'cfg')
DICTS = (
    'model',
    'data_preprocessor',
    'optim_wrapper',
    'optim_wrapper.optimizer',
    'optim_wrapper.clip_grad',
    'default_hooks',
    'randomness',
    'env_cfg',
    'log_processor',
    'tta_model',
    'visualizer',
    *(f'{split}_{part}' for split in SPLITS for part in PARTS_OF_SPLITS),
)
LISTS = ('custom_hooks',)  # of dicts
DICTS_OR_LISTS = ('param_scheduler', 'val_evaluator', 'test_evaluator')
IN_DATA_SETS = {
    'metainfo': (dict, 'a dict'),
    'data_prefix': (str | dict, 'a dict'),
    'pipeline': (list | tuple, 'a list'),
}
MODEL_PARTS = ('backbone', 'neck', 'decode_head', 'decode_head.loss_decode', 'auxiliary_head', 'head', 'head.loss')
PARTS_OF_LABELS = ('model', 'val_evaluator', 'test_evaluator')


def check_setting_types(config: Config) -> None:
    """Refuses parts of a config, as its files and the command line have it, that are numbers instead of dicts.

    Raises:
        UsageError: With every such part.
    """
    faults = [*_part_faults(config), *_text_faults(config)]
    if not faults:
        faults = [*_inner_faults(config)]
    if faults:
        raise UsageError('\n'.join(faults))


def _part_faults(config: Config) -> Iterator[str]:
    for path in DICTS:
        value = _at(config, path)
        if value is not None and not isinstance(value, dict):
            yield describe(path, 'a dict', repr(value))
    for path in (*LISTS, *DICTS_OR_LISTS):
        yield from _no_dicts(path, config.get(path), path in LISTS)


def _no_dicts(path: str, value: Any, is_list: bool = False) -> Iterator[str]:
    """The message where a part is no list of dicts, and no dict, which only lists may not be."""
    if value is None or (isinstance(value, dict) and not is_list):
        return
    if not isinstance(value, list | tuple) or not all(isinstance(entry, dict) for entry in value):
        yield describe(path, 'a list of dicts' if is_list else 'a dict or a list of dicts', repr(value))


def _at(config: Mapping[str, Any], path: str) -> Any:
    value: Any = config
    for key in path.split('.'):
        value = value.get(key) if isinstance(value, Mapping | Config) else None
    return value


def _text_faults(config: Config) -> Iterator[str]:
    for key in ('work_dir', 'load_from', 'default_scope', 'experiment_name'):
        if config.get(key) is not None and not isinstance(config[key], str | os.PathLike):
            yield describe(key, 'a text', repr(config[key]))
    level = config.get('log_level')
    is_known = isinstance(logging.getLevelName(level), int) if isinstance(level, str) else isinstance(level, int)
    if level is not None and not is_known:
        yield describe('log_level', "'DEBUG', 'INFO', 'WARNING', 'ERROR' or 'CRITICAL'", repr(level))


def _inner_faults(config: Config) -> Iterator[str]:
    for name, hook in (config.get('default_hooks') or {}).items():
        if hook is not None and not isinstance(hook, dict):
            yield describe(f'default_hooks.{name}', 'a dict, or None to leave it out', repr(hook))
    for path in (f'model.{part}' for part in MODEL_PARTS):
        yield from _no_dicts(path, _at(config, path))
    for split in SPLITS:
        for path, part in parts_of(_at(config, f'{split}_dataloader.dataset'), f'{split}_dataloader.dataset'):
            yield from _data_set_faults(path, part)
    for key in PARTS_OF_LABELS:
        for path, part in parts_of(config.get(key), key):
            if part.get('ignore_index') is not None and not isinstance(part['ignore_index'], int):
                yield describe(f'{path}.ignore_index', 'a label, which is a whole number', repr(part['ignore_index']))


def _data_set_faults(path: str, part: dict) -> Iterator[str]:
    for key, (kind, name) in IN_DATA_SETS.items():
        if part.get(key) is not None and not isinstance(part[key], kind):
            yield describe(f'{path}.{key}', name, repr(part[key]))
