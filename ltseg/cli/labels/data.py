"""The label of the data set that a config trains on."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ltseg.cli.labels.known import GENERIC_DATA
from ltseg.cli.labels.part import is_part, part_label, plain_type

__all__ = ['OWN_DATA', 'data_label', 'wrappers']

OWN_DATA = 'own data'  # where nothing says which
LONG_TAILED = 'LongTailedDataset'  # a part of a data set that is one of its own


def data_label(config: Mapping[str, Any]) -> str:
    """E.g. 'CamVid', 'CIFAR-10-LT 100'; of a general type the name of its folder."""
    scope = config.get('default_scope') or 'mmseg'
    loaders = (config.get(f'{split}_dataloader') or {} for split in ('train', 'val', 'test'))
    dataset = next((loader['dataset'] for loader in loaders if is_part(loader.get('dataset'))), None)
    return OWN_DATA if dataset is None else ' + '.join(dict.fromkeys(_labels(dataset, scope)))


def wrappers(dataset: Any) -> Iterator[Mapping[str, Any]]:
    """The data sets around others, such as mmengine's ``RepeatDataset``, from the outside in."""
    inner = list(_inner(dataset)) if is_part(dataset) else []
    if inner:
        yield dataset
    for each in inner:
        yield from wrappers(each)


def _inner(dataset: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    candidates = [dataset.get('dataset'), *(dataset.get('datasets') or ())]
    yield from (each for each in candidates if is_part(each))


def _labels(dataset: Mapping[str, Any], scope: str) -> Iterator[str]:
    inner = list(_inner(dataset))
    if inner and plain_type(dataset) != LONG_TAILED:
        for each in inner:
            yield from _labels(each, scope)
    elif plain_type(dataset) in GENERIC_DATA:
        yield _folder(dataset)
    else:
        yield part_label(dataset, scope)


def _folder(dataset: Mapping[str, Any]) -> str:
    prefix = dataset.get('data_prefix')
    paths = [dataset.get('data_root'), *(prefix.values() if isinstance(prefix, Mapping) else [prefix])]
    return next((Path(path).name for path in paths if isinstance(path, str) and Path(path).name), OWN_DATA)
