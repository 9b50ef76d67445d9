"""Counting a whole data set, with the provenance of the result."""

import datetime
import hashlib
import json
import logging
from contextlib import suppress
from copy import deepcopy
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.logging import print_log

import ltseg
from ltseg.core.errors import InvalidValueError, MissingFileError, UnusableLabelsError
from ltseg.counts.class_counts import ClassCounts
from ltseg.counts.class_names import check_classes, check_classes_key
from ltseg.counts.ignored_pixels import cause_of_empty_classes
from ltseg.counts.label_files import count_label_files, fingerprint, ignored_label_of, label_files, remote_backend
from ltseg.counts.many_classes import fault_of_many_classes, needs_16_bits
from ltseg.counts.table import CountsTable
from ltseg.nested_datasets import all_datasets, dataset_classes, innermost_configs, innermost_datasets, transforms_of
from ltseg.registry import DATASETS

__all__ = ['build_dataset', 'class_names_of', 'count_dataset', 'counts_folder', 'without_pipeline']

EMPTY = 'Check data_root, data_prefix, img_suffix and ann_file.'
COUNT_PARTS = 'Count the data sets inside it.'


def without_pipeline(config: dict[str, Any]) -> dict[str, Any]:
    """A data set's config with empty pipelines, inner data sets included: nothing but file names is loaded."""
    config = deepcopy(config)
    wrappers = (part for part in all_datasets(config) if isinstance(part, dict) and 'pipeline' in part)
    for part in (*wrappers, *innermost_configs(config)):
        part['pipeline'] = []
    return config


def counts_folder(work_dir: str | PathLike) -> Path:
    """Where tables are kept: beside the work directories, which share them."""
    return Path(work_dir).resolve().parent / 'class_counts'


def build_dataset(config: dict[str, Any], with_pipeline: bool = False) -> Any:
    """Builds a data set, of any registry in scope.

    Args:
        config: Of the data set; it stays as it is.
        with_pipeline: Whether its samples can be loaded, and not only their file names be known.

    Raises:
        FileNotFoundError: If there are no data; names folder or file.
        ValueError: If the data set is empty, or its classes are no names.
        KeyError: If its type is not registered.
    """
    for part in innermost_configs(config):
        _check_given_classes(part)
    try:
        return _checked(DATASETS.build(deepcopy(config) if with_pipeline else without_pipeline(config)))
    except FileNotFoundError as error:
        if error.filename is None:  # a message of our own data sets
            raise
        hint = "Set the data set's data_root (tools: --data-root), or get the data."
        raise MissingFileError(str(config.get('type')), str(error.filename), 'no such file', hint) from error
    except ValueError as error:
        if 'need at least one array' not in str(error):  # how mmengine says that it found no images
            raise
        raise InvalidValueError(str(config.get('type')), 'at least one image', 'an empty data set', EMPTY) from error


def _check_given_classes(config: dict[str, Any]) -> None:
    """Raises ValueError where mmengine would take the letters of a string for the classes, or would read none."""
    metainfo = config.get('metainfo') or {}
    check_classes_key(f'{config.get("type")}.metainfo', metainfo)
    # MMPretrain's data sets have an argument of their own for the names.
    for key, classes in (('metainfo.classes', metainfo.get('classes')), ('classes', config.get('classes'))):
        if not (isinstance(classes, str) and ('://' in classes or Path(classes).expanduser().is_file())):
            check_classes(f'{config.get("type")}.{key}', classes)


def _checked(dataset: Any) -> Any:
    for part in innermost_datasets(dataset):
        where, metainfo = f'{type(part).__name__}.metainfo', getattr(part, 'metainfo', None) or {}
        check_classes_key(where, metainfo)
        check_classes(f'{where}.classes', metainfo.get('classes'))
    return dataset


def class_names_of(dataset: Any) -> tuple[str, ...]:
    """Names of the classes of a built data set.

    Raises:
        ValueError: If it has none, or they are no names.
    """
    names = dataset_classes(_checked(dataset))
    if not names:
        hint = 'Give the data set metainfo=dict(classes=(...)).'
        raise InvalidValueError(type(dataset).__name__, 'class names', 'none', hint)
    return names


def count_dataset(
    dataset: Any,
    cache: Path | None = None,
    workers: int | None = None,
    show_progress: bool = False,
    ignore_index: int | None = None,
) -> tuple[CountsTable, Path | None]:
    """Counts the labels of a data set, or reads them from a table made before.

    Segmentation data sets have 'seg_map_path' in their data infos, classification data sets 'gt_label'; there, samples
    are images.

    Args:
        dataset: The data set or wrapper, with ``get_data_info`` and ``metainfo``.
        cache: Folder of tables made before; None neither looks for nor writes one.
        workers: Processes that decode labels; None chooses.
        show_progress: Whether to show a progress bar.
        ignore_index: Label of pixels that are not counted; None takes the data set's, or 255.

    Returns:
        The table, and the file it was read from or written to.

    Raises:
        ValueError: If the data set has no names of classes, is empty, or a label cannot be read; names the file.
        FileNotFoundError: If label files are missing.
    """
    where = type(dataset).__name__
    if not hasattr(dataset, 'get_data_info'):
        raise InvalidValueError(where, 'a data set of mmengine with get_data_info', 'one without', COUNT_PARTS)
    getattr(dataset, 'full_init', lambda: None)()
    names = class_names_of(dataset)
    if not len(dataset):
        raise InvalidValueError(where, 'at least one image', 'an empty data set', EMPTY)
    if 'gt_label' in dataset.get_data_info(0):
        table = _count_images(dataset, names)
        return table, _save(table, cache)
    return _count_pixels(dataset, names, cache, workers, show_progress, ignore_index)


def _count_pixels(
    dataset: Any,
    names: tuple[str, ...],
    cache: Path | None,
    workers: int | None,
    show_progress: bool,
    ignore_index: int | None,
) -> tuple[CountsTable, Path | None]:
    backend_args = remote_backend(dataset)
    ignore_index = ignored_label_of(dataset) if ignore_index is None else ignore_index
    files = label_files(dataset)
    _check_range(dataset, len(names), any(file.reduce_zero_label for file in files), ignore_index)
    mark = fingerprint(files, json.dumps([names, ignore_index]), local=backend_args is None)
    provenance = _provenance(dataset, mark)
    if cache is not None:
        with suppress(OSError, ValueError):  # a broken table is counted again
            path = _cached(cache, provenance)
            table = CountsTable.load(path)
            if table.provenance.get('fingerprint') == mark:
                return table, path
    counts, ignored = count_label_files(files, len(names), ignore_index, workers, show_progress, backend_args)
    valid = int(counts.samples.sum())
    provenance |= {
        'ignore_index': ignore_index,
        'files': sum(file.repeats for file in files),
        'total_pixels': valid + sum(ignored.values()),
        'valid_pixels': valid,
        'ignored_values': {str(value): pixels for value, pixels in ignored.items()},
    }
    if not valid:
        hint = cause_of_empty_classes(range(len(names)), names, provenance)
        got = f'{provenance["total_pixels"]} pixels, all with the ignored label'
        raise UnusableLabelsError(type(dataset).__name__, 'labels of some class', got, hint)
    table = CountsTable(counts, names, provenance)
    return table, _save(table, cache)


def _check_range(dataset: Any, num_classes: int, reduced: bool, ignore_index: int) -> None:
    """Raises ValueError where training would see other labels than those in the files, because there are too many."""
    if not needs_16_bits(num_classes, reduced):
        return
    loaders = [type(each) for part in innermost_datasets(dataset) for each in transforms_of(part)]
    fault = fault_of_many_classes(num_classes, [kind.__name__ for kind in loaders], ignore_index)
    if fault:
        raise InvalidValueError(type(dataset).__name__, *fault)


def _count_images(dataset: Any, names: tuple[str, ...]) -> CountsTable:
    labels = [np.atleast_1d(dataset.get_data_info(index)['gt_label']) for index in range(len(dataset))]
    flat = np.concatenate(labels).astype(np.int64)
    outside = flat[(flat < 0) | (flat >= len(names))]
    if len(outside):
        raise InvalidValueError(type(dataset).__name__, f'labels of {len(names)} classes', repr(int(outside[0])))
    images = torch.from_numpy(np.bincount(flat, minlength=len(names)))
    mark = hashlib.sha256(json.dumps(names).encode() + flat.tobytes()).hexdigest()
    provenance = _provenance(dataset, mark) | {'files': len(dataset)}
    return CountsTable(ClassCounts(images, images, images), names, provenance)


def _cached(cache: Path, provenance: dict[str, Any]) -> Path:
    return cache / f'{provenance["parts"][0]["dataset"]}-{provenance["fingerprint"][:12]}.json'


def _save(table: CountsTable, cache: Path | None) -> Path | None:
    if cache is None:
        return None
    path = _cached(cache, table.provenance)
    try:
        table.save(path)
    except OSError as error:  # what was counted is not thrown away for a folder that cannot be written to
        print_log(f'The class counts are not kept: {error}', logger='current', level=logging.WARNING)
        return None
    return path


def _provenance(dataset: Any, mark: str) -> dict[str, Any]:
    keys = ('data_root', 'data_prefix', 'ann_file', 'reduce_zero_label', 'label_map')
    parts = [
        {'dataset': type(part).__name__} | {key: getattr(part, key) for key in keys if hasattr(part, key)}
        for part in innermost_datasets(dataset)
    ]
    return {
        'dataset': type(dataset).__name__,
        'parts': json.loads(json.dumps(parts, default=str)),
        'fingerprint': mark,
        'ltseg_version': ltseg.__version__,
        'date': datetime.datetime.now().isoformat(timespec='seconds'),
    }
