"""Counting a whole data set, with the provenance of the result."""

import datetime
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

import ltseg
from ltseg.core.checks import fault
from ltseg.counts.class_counts import ClassCounts
from ltseg.counts.label_files import count_label_files, fingerprint, label_files
from ltseg.counts.table import CountsTable

__all__ = ['count_dataset', 'without_pipeline']


def without_pipeline(config: dict[str, Any]) -> dict[str, Any]:
    """A data set's config with empty pipelines, inner data sets included: nothing but file names is loaded."""
    config = dict(config)
    if 'dataset' not in config and 'datasets' not in config:
        config['pipeline'] = []
    for key, inner in config.items():
        if key == 'dataset' and isinstance(inner, dict):
            config[key] = without_pipeline(inner)
        elif key == 'datasets':
            config[key] = [without_pipeline(each) if isinstance(each, dict) else each for each in inner]
        elif key == 'pipeline':
            config[key] = []
    return config


def count_dataset(
    dataset: Any, cache: Path | None = None, workers: int | None = None, show_progress: bool = False
) -> tuple[CountsTable, Path | None]:
    """Counts the labels of a data set, or reads them from a table made before.

    Segmentation data sets have 'seg_map_path' in their data infos, classification data sets 'gt_label'; there, samples
    are images.

    Args:
        dataset: The data set or wrapper, with ``get_data_info`` and ``metainfo``.
        cache: Folder of tables made before; None neither looks for nor writes one.
        workers: Processes that decode labels; None chooses.
        show_progress: Whether to show a progress bar.

    Returns:
        The table, and the file it was read from or written to.

    Raises:
        ValueError: If the data set has no class names, is empty, or a label cannot be read; names the file.
        FileNotFoundError: If label files are missing.
    """
    getattr(dataset, 'full_init', lambda: None)()
    names = (getattr(dataset, 'metainfo', None) or {}).get('classes')
    if not names:
        cure = 'Give the data set metainfo=dict(classes=(...)).'
        raise ValueError(fault(type(dataset).__name__, 'class names', names, cure))
    if len(dataset) and 'gt_label' in dataset.get_data_info(0):
        return _count_images(dataset, tuple(names)), None
    return _count_pixels(dataset, tuple(names), cache, workers, show_progress)


def _count_pixels(
    dataset: Any, names: tuple[str, ...], cache: Path | None, workers: int | None, show_progress: bool
) -> tuple[CountsTable, Path | None]:
    parts = list(_parts(dataset))
    backend_args = getattr(parts[0], 'backend_args', None)
    backend_args = None if (backend_args or {}).get('backend', 'local') == 'local' else backend_args
    ignore_index = getattr(parts[0], 'ignore_index', 255)
    files = label_files(dataset)
    mark = fingerprint(files, json.dumps([names, ignore_index]), local=backend_args is None)
    path = None if cache is None else cache / f'{type(parts[0]).__name__}-{mark[:12]}.json'
    if path is not None and path.exists():
        table = CountsTable.load(path)
        if table.provenance.get('fingerprint') == mark:
            return table, path
    counts, pixels = count_label_files(files, len(names), ignore_index, workers, show_progress, backend_args)
    provenance = _provenance(dataset) | {
        'ignore_index': ignore_index,
        'files': sum(file.repeats for file in files),
        'total_pixels': pixels,
        'valid_pixels': int(counts.samples.sum()),
        'fingerprint': mark,
    }
    table = CountsTable(counts, names, provenance)
    if path is not None:
        table.save(path)
    return table, path


def _count_images(dataset: Any, names: tuple[str, ...]) -> CountsTable:
    labels = [np.atleast_1d(dataset.get_data_info(index)['gt_label']) for index in range(len(dataset))]
    flat = np.concatenate(labels).astype(np.int64)
    if flat.min() < 0 or flat.max() >= len(names):
        got = int(flat.min() if flat.min() < 0 else flat.max())
        raise ValueError(fault(type(dataset).__name__, f'labels of {len(names)} classes', got))
    images = torch.from_numpy(np.bincount(flat, minlength=len(names)))
    return CountsTable(ClassCounts(images, images, images), names, _provenance(dataset) | {'files': len(dataset)})


def _parts(dataset: Any) -> Iterator[Any]:
    """The data sets inside wrappers."""
    inner = getattr(dataset, 'datasets', None) or [getattr(dataset, 'dataset', None)]
    if inner == [None]:
        yield dataset
    else:
        for each in inner:
            yield from _parts(each)


def _provenance(dataset: Any) -> dict[str, Any]:
    keys = ('data_root', 'data_prefix', 'ann_file', 'reduce_zero_label', 'label_map')
    parts = [
        {'dataset': type(part).__name__} | {key: getattr(part, key) for key in keys if hasattr(part, key)}
        for part in _parts(dataset)
    ]
    return {
        'dataset': type(dataset).__name__,
        'parts': json.loads(json.dumps(parts, default=str)),
        'ltseg_version': ltseg.__version__,
        'date': datetime.datetime.now().isoformat(timespec='seconds'),
    }
