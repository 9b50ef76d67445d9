"""The label of the data set that a config trains on."""

from collections.abc import Iterator, Mapping
from pathlib import PurePath
from typing import Any

from ltseg.cli.labels.known import GENERIC_DATA
from ltseg.cli.labels.part import is_part, part_label, plain_type
from ltseg.nested_datasets import all_datasets, dataset_config, held_datasets

__all__ = ['OWN_DATA', 'data_label', 'split_label', 'wrappers']

OWN_DATA = 'own data'  # where nothing says which
SPLITS = frozenset({'train', 'training', 'val', 'validation', 'valid', 'test', 'testing', 'images', 'img_dir'})
CHANGED = ('LongTailedDataset', 'NoisyLabels')  # what a wrapper makes of a data set is one of its own


def data_label(config: Mapping[str, Any]) -> str:
    """E.g. 'CamVid', 'CIFAR-10-LT 100'; of a general type the name of its folder."""
    return next(filter(None, (split_label(config, split) for split in ('train', 'val', 'test'))), OWN_DATA)


def split_label(config: Mapping[str, Any], split: str) -> str:
    """The label of the data set of a split; empty where the config has none."""
    dataset = dataset_config(config, split)
    if dataset is None or not is_part(dataset):
        return ''
    return ' + '.join(dict.fromkeys(_labels(dataset, config.get('default_scope') or 'mmseg')))


def wrappers(dataset: Any) -> Iterator[Mapping[str, Any]]:
    """The data sets around others, such as mmengine's ``RepeatDataset``, from the outside in."""
    return (each for each in all_datasets(dataset) if is_part(each) and any(map(is_part, held_datasets(each))))


def _labels(dataset: Mapping[str, Any], scope: str) -> Iterator[str]:
    inner = [each for each in held_datasets(dataset) if is_part(each)]
    if inner and (plain_type(dataset) not in CHANGED or _is_whole(dataset)):
        for each in inner:
            yield from _labels(each, scope)
    elif plain_type(dataset) in GENERIC_DATA:
        yield _folder(dataset)
    else:
        yield part_label(dataset, scope)


def _is_whole(dataset: Mapping[str, Any]) -> bool:
    """Whether a long-tailed part is the balanced data set itself."""
    return dataset.get('imbalance_factor') == 1 and dataset.get('largest') is None


def _folder(dataset: Mapping[str, Any]) -> str:
    """The last folder of its paths that is not named after a split."""
    prefix = dataset.get('data_prefix')
    paths = [dataset.get('data_root'), *(prefix.values() if isinstance(prefix, Mapping) else [prefix])]
    names = (name for path in paths if isinstance(path, str) for name in reversed(PurePath(path).parts))
    return next((name for name in names if name.lower() not in SPLITS and name.strip('./\\')), OWN_DATA)
