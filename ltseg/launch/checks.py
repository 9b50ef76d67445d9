"""Faults of a config that can be seen before anything is built, all in one message."""

import inspect
import os
import urllib.request
from collections.abc import Iterator
from difflib import get_close_matches
from typing import Any

import torch
from mmengine.config import Config

from ltseg import registry
from ltseg.core.checks import fault
from ltseg.counts.data_set_counts import without_pipeline
from ltseg.launch.errors import UserError, message_of

__all__ = ['check_config']

REGISTRIES = [getattr(registry, name) for name in registry.__all__]


def check_config(config: Config, training: bool) -> None:
    """Checks what can be checked before the model is built.

    Raises:
        UserError: With every fault found: unknown ``ltseg`` types with the nearest names, arguments that they do not
            take, missing data, different numbers of classes, backbone weights that cannot be had, mixed precision
            without a GPU.
    """
    faults = [*_type_faults(config._cfg_dict)]
    if not faults:
        classes, data_faults = _classes(config, training)
        faults += data_faults + list(_class_faults(config.model, classes, 'model'))
    if training:
        faults += _weight_faults(config) + _amp_faults(config)
    if faults:
        raise UserError('\n'.join(dict.fromkeys(faults)))


def _parts(value: Any, path: str = '') -> Iterator[tuple[str, dict]]:
    """Every dict in a config with its dotted path."""
    if isinstance(value, dict):
        yield path, value
        for key in value:
            yield from _parts(value[key], f'{path}.{key}'.lstrip('.'))
    elif isinstance(value, list | tuple):
        for index, entry in enumerate(value):
            yield from _parts(entry, f'{path}.{index}')


def _type_faults(config: dict) -> Iterator[str]:
    for path, part in _parts(config):
        name = part.get('type')
        if not isinstance(name, str) or not name.startswith('ltseg.'):
            continue
        found = [made for made in (_registered(entry, name) for entry in REGISTRIES) if made is not None]
        if not found:
            names = [f'ltseg.{known}' for entry in REGISTRIES for known in entry.module_dict]
            near = get_close_matches(name, names, n=3, cutoff=0.4)
            yield fault(f'{path}.type', 'a type that ltseg has', name, f'Near it: {", ".join(near)}.' if near else '')
        elif (known := _arguments(found[0])) is not None:
            for key in sorted(set(part) - known - {'type', '_scope_', 'in_channels', 'num_classes'}):
                near = get_close_matches(key, known, n=1)
                cure = f'Did you mean {near[0]!r}?' if near else f'It takes {", ".join(sorted(known))}.'
                yield fault(f'{path} ({name})', 'arguments that it takes', key, cure)


def _registered(entry: Any, name: str) -> Any:
    return entry.get(name.removeprefix('ltseg.'))


def _arguments(made: Any) -> set[str] | None:
    """Names of the arguments of a class through its base classes; None where any may be passed on to a host."""
    if not inspect.isclass(made):
        return None
    known: set[str] = set()
    for base in made.__mro__:
        if '__init__' not in vars(base):
            continue
        parameters = inspect.signature(vars(base)['__init__']).parameters.values()
        known |= {p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)} - {'self'}
        if not any(p.kind == p.VAR_KEYWORD for p in parameters):
            return known
    return None


def _classes(config: Config, training: bool) -> tuple[dict[str, tuple[str, ...]], list[str]]:
    """Class names of each data set of the config, and what is wrong with the data."""
    classes, faults = {}, []
    for split in ('train', 'val') if training else ('test',):
        dataset = (config.get(f'{split}_dataloader') or {}).get('dataset')
        if not isinstance(dataset, dict):
            continue
        try:
            built = registry.DATASETS.build(without_pipeline(dataset))
        except Exception as error:
            message = message_of(error)
            if message is None:
                raise
            faults.append(message)
            continue
        classes[f'{split}_dataloader'] = tuple((getattr(built, 'metainfo', None) or {}).get('classes') or ())
    return classes, faults


def _class_faults(model: dict, classes: dict[str, tuple[str, ...]], path: str) -> Iterator[str]:
    for where, head in _parts(model, path):
        number = head.get('num_classes')
        if not isinstance(number, int):
            continue
        for split, names in classes.items():
            if names and len(names) != number:
                cure = f'Set {where}.num_classes={len(names)}, or the classes of the data set.'
                yield fault(f'{where}.num_classes', f'{len(names)}, the classes of {split}', number, cure)
        losses = head.get('loss_decode') or head.get('loss') or []
        for index, loss in enumerate(losses if isinstance(losses, list | tuple) else [losses]):
            for key in ('class_weight', 'counts'):
                if isinstance(loss.get(key), list | tuple) and len(loss[key]) != number:
                    expected = f'{number} numbers, as num_classes'
                    cure = 'Count the data set with tools/count_classes.py.'
                    yield fault(f'{where}.loss {index}.{key}', expected, len(loss[key]), cure)


def _weight_faults(config: Config) -> list[str]:
    """Whether the weights that the model starts from can be had."""
    if config.get('load_from') or config.get('resume'):
        return []
    found = []
    for path, part in _parts(config.model, 'model'):
        if isinstance(part.get('pretrained'), str):
            found.append((f'{path}.pretrained', part['pretrained']))
        if part.get('type') == 'Pretrained' and path.endswith('init_cfg'):
            found.append((path, part.get('checkpoint', '')))
    faults = []
    for setting, source in found:
        problem = _unavailable(source)
        if problem:
            cure = f'To train from scratch: --cfg-options {setting}=None'
            faults.append(fault(setting, 'weights that can be loaded', f'{source} ({problem})', cure))
    return faults


def _unavailable(source: str) -> str | None:
    """Why weights cannot be loaded, or None."""
    from mmengine.runner.checkpoint import get_external_models

    url = source
    if source.startswith('open-mmlab://'):
        url = get_external_models().get(source.removeprefix('open-mmlab://'), '')
    if not url.startswith(('http://', 'https://')):
        known = '://' in source or os.path.isfile(source)  # other schemes are the host's own
        return None if known else 'no such file'
    cached = os.path.join(torch.hub.get_dir(), 'checkpoints', os.path.basename(url))
    if os.path.isfile(cached):
        return None
    try:
        urllib.request.urlopen(urllib.request.Request(url, method='HEAD'), timeout=10).close()
    except OSError as error:
        return f'not in {os.path.dirname(cached)} and not to be downloaded: {error}'
    return None


def _amp_faults(config: Config) -> list[str]:
    amp = (config.get('optim_wrapper') or {}).get('type') == 'AmpOptimWrapper'
    if not amp or torch.cuda.is_available():
        return []
    return [fault('optim_wrapper', 'a GPU, because of mixed precision', 'none', 'Leave out --amp.')]
