"""Faults of a config that can be seen before the model is built, all in one message."""

import inspect
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from mmengine.config import Config
from mmengine.device import get_device
from mmengine.runner import Runner

from ltseg import registry
from ltseg.cli.built_datasets import BuiltDatasets
from ltseg.cli.data_files import file_faults
from ltseg.cli.errors import known_message
from ltseg.cli.hook_checks import hook_faults
from ltseg.cli.label_faults import label_faults
from ltseg.cli.mask_checks import classifies_masks, mask_loss_faults, mmdet_faults
from ltseg.cli.pretrained import weight_faults
from ltseg.cli.setting_keys import key_faults
from ltseg.cli.setting_values import value_faults
from ltseg.config_parts import parts_of, type_name
from ltseg.core.checks import near
from ltseg.core.errors import UsageError, describe
from ltseg.counts.sources import ClassCountsSource
from ltseg.counts.table import check_class_names
from ltseg.losses import MaskClassificationLoss
from ltseg.nested_datasets import dataset_classes, dataset_config

__all__ = ['check_config', 'check_parts', 'head_faults']

REGISTRIES = [getattr(registry, name) for name in registry.__all__]
USED = (*inspect.signature(Runner.__init__).parameters, 'tta_model')  # other keys are a config's own variables
PRECISION = ('loss_scale', 'dtype', 'use_fsdp')  # arguments of AmpOptimWrapper alone
# What is no argument of the class: the head gives a classifier its sizes, and mmengine takes the rest.
GIVEN = {'type', '_scope_', 'in_channels', 'num_classes', 'constructor', 'paramwise_cfg'}


def check_config(
    config: Config, training: bool, trained: Sequence[str] = (), datasets: BuiltDatasets | None = None
) -> None:
    """Checks what can be checked before the model is built.

    Args:
        config: Of the run.
        training: Whether it trains, or evaluates the test split.
        trained: Classes that the checkpoint to evaluate was trained with, where it says them.
        datasets: Where those of the config are built, to be handed on to other checks.

    Raises:
        UsageError: With every fault found: unknown ``ltseg`` types with the nearest names, arguments that they do not
            take, missing data, different numbers or orders of classes, backbone weights that cannot be had, mixed
            precision or several processes without a GPU.
    """
    faults = _part_faults(config, training)
    faults += [*_noise_faults(config), *mmdet_faults(parts_of(config.model, 'model'))]
    if not faults:
        datasets = datasets or BuiltDatasets()
        classes, data_faults = _classes(config, training, datasets)
        faults += data_faults + list(head_faults(config.model, classes))
        faults += label_faults(config, classes, datasets, trained)
    if training:
        faults += [*weight_faults(dict(parts_of(config.model, 'model'))), *hook_faults(config)]
    faults += _device_faults(config, training)
    if faults:
        raise UsageError('\n'.join(faults))


def check_parts(config: Config) -> None:
    """Checks the types, arguments and settings of a config for training, but neither its data nor its weights.

    Raises:
        UsageError: With every fault found.
    """
    if faults := _part_faults(config, training=True):
        raise UsageError('\n'.join(faults))


def _part_faults(config: Config, training: bool) -> list[str]:
    faults = [*_type_faults(config), *value_faults(config, training), *key_faults(config, training)]
    return [*faults, *_schedule_faults(config)] if training else faults


def _type_faults(config: Config) -> Iterator[str]:
    for entry in REGISTRIES:
        entry.import_from_location()
    known_types = {f'ltseg.{name}': made for entry in REGISTRIES for name, made in entry.module_dict.items()}
    for path, part in (found for key in USED if key in config for found in parts_of(config[key], key)):
        name = part.get('type')
        if not isinstance(name, str) or not name.startswith('ltseg.'):
            continue
        if (made := known_types.get(name)) is None:
            yield describe(f'{path}.type', 'a type that ltseg has', repr(name), near(name, known_types, 3))
        elif (known := _arguments(made)) is not None:
            for key in sorted(set(part) - known - GIVEN):
                hint = near(key, known) or f'It takes {", ".join(sorted(known))}.'
                yield describe(f'{path} ({name})', 'arguments that it takes', repr(key), hint)


def _arguments(made: Any) -> set[str] | None:
    """Names of the arguments of a class through its base classes; None where any may be passed on to mmengine."""
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


def _schedule_faults(config: Config) -> Iterator[str]:
    loop = config.get('train_cfg') or {}
    if loop.get('type') != 'IterBasedTrainLoop' and loop.get('by_epoch', True):
        return
    for path, part in parts_of(config.model, 'model'):
        if path.endswith('.schedule') and part.get('unit') == 'epoch':
            yield describe(f'{path}.unit', "'iter' or 'fraction', as training is in iterations", "'epoch'")


def _noise_faults(config: Config) -> Iterator[str]:
    for split in ('val', 'test'):
        where = f'{split}_dataloader.dataset'
        for path, part in parts_of(dataset_config(config, split), where):
            if type_name(part) == 'NoisyLabels':
                hint = 'Take the data set inside it: results are of true labels.'
                yield describe(path, 'labels without noise', "'ltseg.NoisyLabels'", hint)


def _classes(config: Config, training: bool, datasets: BuiltDatasets) -> tuple[dict[str, tuple[str, ...]], list[str]]:
    """Class names of each data set of the config, and what is wrong with the data."""
    classes: dict[str, tuple[str, ...]] = {}
    faults: dict[str, list[str]] = {}  # first lines by what follows them, the guide that splits share
    for split in ('train', 'val') if training else ('test',):
        dataset = dataset_config(config, split)
        if dataset is None:
            continue
        try:
            built = datasets.readable(config, split)
        except Exception as error:
            first, *guide = known_message(error).split('\n', 1)
            faults.setdefault('\n'.join(guide), []).append(first.rstrip())
        else:
            loads_labels = any('Annotations' in str(part.get('type')) for _, part in parts_of(dataset, split))
            for fault in file_faults(f'{split}_dataloader.dataset', built, loads_labels):
                faults.setdefault('', []).append(fault)
            classes[f'{split}_dataloader'] = dataset_classes(built)
    return classes, ['\n'.join([*dict.fromkeys(firsts), *filter(None, [guide])]) for guide, firsts in faults.items()]


def head_faults(model: dict, classes: dict[str, tuple[str, ...]]) -> Iterator[str]:
    """What does not fit between the heads of a model and the class names of data sets, by the name of their loader."""
    for where, head in parts_of(model, 'model'):
        number = head.get('num_classes')
        of_edges = 'STDCHead' in (head.get('type'), head.get('head_type'))  # its classes are edge and no edge
        if not isinstance(number, int) or of_edges:
            continue
        for right in dict.fromkeys(len(names) for names in classes.values() if names):
            if right != number:
                splits = ' and '.join(split for split, names in classes.items() if len(names) == right)
                hint = f'Set {where}.num_classes={right}, or the classes of the data set.'
                yield describe(f'{where}.num_classes', f'{right}, the classes of {splits}', repr(number), hint)
        key = next((name for name in ('loss_decode', 'loss_cls') if name in head), 'loss')
        losses = head.get(key) or []
        for index, loss in enumerate(losses if isinstance(losses, list | tuple) else [losses]):
            path = f'{where}.{key}' + (f'.{index}' if isinstance(losses, list | tuple) else '')
            yield from _loss_faults(path, loss, number, classes.get('train_dataloader', ()))


def _loss_faults(path: str, loss: dict, number: int, names: Sequence[str]) -> Iterator[str]:
    weight, ours = loss.get('class_weight'), str(loss.get('type')).startswith('ltseg.')
    of_masks = classifies_masks(path, loss)
    if of_masks:
        if faults := list(mask_loss_faults(path, loss, number)):
            yield from faults
            return
    # Some heads of others have a class more.
    elif isinstance(weight, list | tuple) and len(weight) not in (number, number if ours else number + 1):
        yield describe(f'{path}.class_weight', f'{number} numbers, as num_classes', repr(len(weight)))
    if not ours:
        return
    try:
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')  # given again when the model is built
            built = registry.MODELS.build(loss)
        counts = getattr(built, 'counts', None)
        has_no_object = of_masks and not isinstance(built, MaskClassificationLoss)
        if has_no_object and getattr(counts, 'waiting', False):
            hint = 'Use ltseg.MaskClassificationLoss with rules.'
            yield describe(path, 'counts of "no object", too', repr(loss['type']), hint)
        elif isinstance(counts, ClassCountsSource) and counts.constant and not counts.waiting:
            counts(torch.empty(0, dtype=torch.int64), number + has_no_object)  # checks its number of classes
            check_class_names(f'counts: the table {loss["counts"]!r}', counts.class_names, names)
    except Exception as error:
        yield f'{path}: {known_message(error)}'


def _device_faults(config: Config, training: bool) -> Iterator[str]:
    if get_device() not in ('cpu', 'mps'):
        return
    if training and (config.get('optim_wrapper') or {}).get('type') == 'AmpOptimWrapper':
        others = [key for key in PRECISION if key in config.optim_wrapper]
        without = f' without {" and ".join(others)}' if others else ''
        hint = f"Set optim_wrapper.type='OptimWrapper'{without}; where --amp is given, leave it out."
        yield describe('optim_wrapper.type', 'a GPU, because of mixed precision', repr(get_device()), hint)
    if config.get('launcher', 'none') != 'none':
        hint = 'mmengine starts several processes on GPUs only: leave out --launcher.'
        yield describe('--launcher', 'a GPU for each process', repr(get_device()), hint)
