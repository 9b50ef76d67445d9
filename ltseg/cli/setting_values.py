"""Values of settings that can never be right."""

import inspect
from collections.abc import Iterator, Mapping
from typing import Any

from mmengine.config import Config
from torch.utils.data import DataLoader

from ltseg.config_parts import parts_of
from ltseg.core.checks import check_integer, check_range, near
from ltseg.core.errors import InvalidValueError, describe

__all__ = ['value_faults']

LARGEST_SEED = 2**32 - 1  # of numpy
LOADER = {*inspect.signature(DataLoader.__init__).parameters} - {'self'} | {'num_batch_per_epoch', '_scope_'}
DEFAULT_HOOKS = ('runtime_info', 'timer', 'sampler_seed', 'logger', 'param_scheduler', 'checkpoint')  # of mmengine
NOT_NEGATIVE = frozenset({'lr', 'momentum', 'weight_decay', 'max_norm', 'clip_value'})  # of optimizers and clipping
NO_WORKERS = {'persistent_workers': False, 'prefetch_factor': None}  # what a loader without workers must have


def value_faults(config: Config, training: bool) -> Iterator[str]:
    """What is wrong with the seed, the data loaders, the lengths and the optimizer, a message each."""
    seed = (config.get('randomness') or {}).get('seed')
    if seed is not None:
        yield from _raised(check_integer, 'randomness.seed (--seed)', seed, 0)
        if isinstance(seed, int) and seed > LARGEST_SEED:
            yield describe('randomness.seed (--seed)', f'a whole number up to {LARGEST_SEED}', repr(seed))
    for name in ('train_dataloader', 'val_dataloader') if training else ('test_dataloader',):
        loader = config.get(name)
        if isinstance(loader, Mapping):
            yield from _loader_faults(name, loader)
    if training:
        yield from _length_faults(config.get('train_cfg') or {})
        yield from _hook_faults(config.get('default_hooks') or {})
        for path, part in parts_of(config.get('optim_wrapper'), 'optim_wrapper'):
            for key in sorted(NOT_NEGATIVE & part.keys()):
                if part[key] is not None:
                    yield from _raised(check_range, f'{path}.{key}', part[key], 0)


def _loader_faults(name: str, loader: Mapping[str, Any]) -> Iterator[str]:
    for key in sorted(set(loader) - LOADER):
        yield describe(name, 'settings of a data loader', repr(key), near(key, LOADER))
    if 'batch_size' in loader and loader.get('batch_sampler') is None:
        yield from _raised(check_integer, f'{name}.batch_size', loader['batch_size'], 1)
    workers = loader.get('num_workers', 0)
    yield from _raised(check_integer, f'{name}.num_workers', workers, 0)
    for key, value in NO_WORKERS.items():
        if workers == 0 and loader.get(key, value) != value:
            hint = f'Set {name}.{key}={value}, or more workers.'
            yield describe(f'{name}.{key}', f'{value} with num_workers=0', repr(loader[key]), hint)


def _length_faults(loop: Mapping[str, Any]) -> Iterator[str]:
    for key in ('max_iters', 'max_epochs', 'val_interval'):
        if loop.get(key) is not None:
            yield from _raised(check_integer, f'train_cfg.{key}', loop[key], 1)


def _hook_faults(hooks: Mapping[str, Any]) -> Iterator[str]:
    for name, hook in hooks.items():
        if isinstance(hook, Mapping) and 'type' not in hook and name not in DEFAULT_HOOKS:
            hint = near(name, DEFAULT_HOOKS) or f'Give it a type; mmengine knows those of {", ".join(DEFAULT_HOOKS)}.'
            yield describe('default_hooks', 'a hook that mmengine knows by its name', repr(name), hint)


def _raised(check: Any, *arguments: Any) -> Iterator[str]:
    try:
        check(*arguments)
    except InvalidValueError as error:
        yield str(error)
