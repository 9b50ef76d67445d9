"""Data sets inside wrappers such as ``ConcatDataset`` and ``RepeatDataset``, built ones as well as their configs."""

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

__all__ = [
    'all_datasets',
    'dataset_classes',
    'dataset_config',
    'held_datasets',
    'innermost_configs',
    'innermost_datasets',
    'transforms_of',
]


def held_datasets(dataset: Any) -> list[Any]:
    """What a wrapper, or its config, holds: its ``datasets``, or its ``dataset``; nothing for any other data set."""
    part = dataset.get if isinstance(dataset, dict) else partial(getattr, dataset)
    held = part('datasets', None) or [part('dataset', None)]
    return [each for each in held if each is not None]


def all_datasets(dataset: Any) -> Iterator[Any]:
    """The data set, or the config of one, and everything inside it, a wrapper before what it holds."""
    yield dataset
    for each in held_datasets(dataset):
        yield from all_datasets(each)


def innermost_datasets(dataset: Any) -> Iterator[Any]:
    """The data sets that are no wrappers in a built data set, which may be one itself."""
    return (each for each in all_datasets(dataset) if not held_datasets(each))


def innermost_configs(config: dict | None) -> Iterator[dict]:
    """The configs of the data sets that are no wrappers in that of a data set, to read or to change in place."""
    return (each for each in innermost_datasets(config) if isinstance(each, dict))


def dataset_config(config: Mapping[str, Any], split: str) -> dict | None:
    """The config of the data set of a split ('train', 'val' or 'test'), wrapper included; None where there is none."""
    dataset = (config.get(f'{split}_dataloader') or {}).get('dataset')
    return dataset if isinstance(dataset, dict) else None


def dataset_classes(dataset: Any) -> tuple[str, ...]:
    """Names of the classes of a built data set; none where it is None or does not know any."""
    return tuple((getattr(dataset, 'metainfo', None) or {}).get('classes') or ())


def transforms_of(dataset: Any) -> Iterator[Any]:
    """The transforms in the pipeline of a built data set itself, also inside others (``RandomApply``).

    Of one that names its file, the one inside.
    """
    yield from _inner_transforms(getattr(dataset, 'pipeline', None))


def _inner_transforms(part: Any) -> Iterator[Any]:
    inside = part if isinstance(part, list | tuple) else getattr(part, 'transforms', None)
    for each in inside if isinstance(inside, list | tuple) else [inside] if hasattr(inside, 'transforms') else ():
        if not isinstance(each, list | tuple):
            yield getattr(each, 'loading', each)  # of ltseg.datasets.named_files.NamedLoading
        yield from _inner_transforms(each)
