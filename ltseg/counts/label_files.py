"""The label files of a segmentation data set, and counting them in parallel."""

import hashlib
import math
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.progress import track

from ltseg.core.errors import InvalidValueError, MissingFileError, UnusableLabelsError
from ltseg.counts.class_counts import ClassCounts
from ltseg.counts.ignored_pixels import MMSEG_IGNORED
from ltseg.counts.label_histogram import label_histograms
from ltseg.counts.many_classes import needs_16_bits
from ltseg.nested_datasets import innermost_datasets

__all__ = [
    'NO_LABELS',
    'LabelFile',
    'count_label_files',
    'counts_of_files',
    'fingerprint',
    'ignored_label_of',
    'label_file',
    'label_files',
    'labels_of_values',
    'remote_backend',
]

NO_LABELS = "Set data_prefix=dict(img_path='IMAGES', seg_map_path='LABELS')."


@dataclass(frozen=True)
class LabelFile:
    """A label file and how the data set reads it.

    Args:
        path: The file.
        reduce_zero_label: Whether 0 is ignored and every other value goes down by one.
        label_map: Pairs of an old and a new label, applied after that.
        repeats: How often the data set holds the file, relative to the others.

    Example:
        >>> from ltseg.counts.label_files import LabelFile
        >>> file = LabelFile('labels/0.png', reduce_zero_label=True)
        >>> file.classes_of_values(5, num_classes=3, ignore_index=255).tolist()  # 0 is ignored, 4 is no class
        [3, 0, 1, 2, 4]
    """

    path: str
    reduce_zero_label: bool = False
    label_map: tuple[tuple[int, int], ...] = ()
    repeats: int = 1

    def classes_of_values(self, num_values: int, num_classes: int, ignore_index: int) -> np.ndarray:
        """The class of each value a file can hold, (num_values,): K means ignored, K + 1 means invalid."""
        values, void = np.arange(num_values), MMSEG_IGNORED
        if needs_16_bits(num_classes, self.reduce_zero_label):
            void = ignore_index
        if num_values > 256:
            values[-1] = ignore_index  # 65535, a usual void, which MMSegmentation reads as 255
        _, labels = labels_of_values(values, self.reduce_zero_label, self.label_map, void)
        ignored = [ignore_index, void] if self.reduce_zero_label or self.label_map else [ignore_index]
        classes = np.where((labels >= 0) & (labels < num_classes), labels, num_classes + 1)
        classes[np.isin(labels, ignored)] = num_classes
        return classes


def labels_of_values(
    values: np.ndarray, reduce_zero_label: bool, label_map: Iterable[tuple[int, int]], void: int = MMSEG_IGNORED
) -> tuple[np.ndarray, np.ndarray]:
    """What MMSegmentation's ``LoadAnnotations`` makes of values in a file: before the label map, and after it.

    ``void`` is what it writes for 0 where it reduces labels, and leaves as it is.
    """
    if reduce_zero_label:
        values = np.where((values == 0) | (values == void), void, values - 1)
    labels = values.copy()
    for old, new in label_map:
        labels[values == old] = new
    return values, labels


def label_files(dataset: Any) -> list[LabelFile]:
    """The label files that a data set would load, from its data infos; no image is read.

    Wrappers count as they train: a file that ``ConcatDataset`` or ``ClassBalancedDataset`` holds several times has that
    many repeats. Common factors are divided out, so that ``RepeatDataset`` changes nothing.

    Args:
        dataset: Any data set with ``get_data_info``.

    Raises:
        ValueError: If the data set holds no label files.
    """
    found = Counter(label_file(dataset, index) for index in range(len(dataset)))
    common = math.gcd(*found.values())
    return [replace(file, repeats=repeats // common) for file, repeats in found.items()]


def label_file(dataset: Any, index: int) -> LabelFile:
    """The label file of one image.

    Raises:
        ValueError: If it has none.
    """
    info = dataset.get_data_info(index)
    if not info.get('seg_map_path'):
        where, expected = type(dataset).__name__, "'seg_map_path' in each data info"
        raise InvalidValueError(where, expected, repr(sorted(info)), NO_LABELS)
    label_map = tuple(sorted((info.get('label_map') or {}).items()))
    return LabelFile(info['seg_map_path'], bool(info.get('reduce_zero_label')), label_map)


def ignored_label_of(dataset: Any) -> int:
    """The label that a data set, or the first one inside a wrapper, says is ignored; 255 where it says none."""
    return getattr(next(innermost_datasets(dataset)), 'ignore_index', MMSEG_IGNORED)


def remote_backend(dataset: Any) -> dict[str, Any] | None:
    """The ``backend_args`` of a data set whose files are not in the file system; None for one whose files are."""
    backend_args = getattr(next(innermost_datasets(dataset)), 'backend_args', None)
    return None if (backend_args or {}).get('backend', 'local') == 'local' else backend_args


def fingerprint(files: Sequence[LabelFile], settings: str, local: bool = True) -> str:
    """Tells whether files or settings have changed, without reading the files.

    A hash of the settings and of every file's name below their common folder, size, time of last change, and the way
    it is read; a moved data set keeps it, an edited or copied one gets a new one.

    Raises:
        FileNotFoundError: If files are missing; names the first and says how many.
    """
    digest = hashlib.sha256(settings.encode())
    root = os.path.dirname(os.path.commonprefix([file.path for file in files]))
    missing = []
    for file in sorted(files, key=lambda file: file.path):
        try:
            status = os.stat(file.path) if local else None
        except OSError:
            missing.append(file.path)
            continue
        line = replace(file, path=os.path.relpath(file.path, root or '.'))
        digest.update(f'{line} {status and (status.st_size, status.st_mtime_ns)}\n'.encode())
    if missing:
        hint = 'Check data_root, data_prefix and seg_map_suffix.'
        got = f'{len(missing)} missing ones, the first: {missing[0]}'
        raise MissingFileError('label files', f'{len(files)} files', got, hint)
    return digest.hexdigest()


def count_label_files(
    files: Sequence[LabelFile],
    num_classes: int,
    ignore_index: int = 255,
    workers: int | None = None,
    show_progress: bool = False,
    backend_args: dict[str, Any] | None = None,
) -> tuple[ClassCounts, dict[int, int]]:
    """Decodes every file once and counts its labels.

    Args:
        files: What to count.
        num_classes: K.
        ignore_index: Label that is not counted.
        workers: Processes that decode; None chooses, 1 decodes in this one.
        show_progress: Whether to show a progress bar where the error stream is a terminal.
        backend_args: mmengine's file backend; None reads from the file system.

    Returns:
        The counts, (K,) int64 each, and the ignored pixels by their value in the files; each file as often as it
        repeats.

    Raises:
        ValueError: If a file cannot be read as labels or holds a value outside the classes; names file and value.
    """
    counts, ignored = np.zeros((3, num_classes), dtype=np.int64), Counter[int]()
    counted = counts_of_files(files, num_classes, ignore_index, workers, show_progress, backend_args)
    for file, (of_image, values) in zip(files, counted, strict=True):
        contains = of_image > 0
        counts += file.repeats * np.stack([of_image, contains, contains * of_image.sum()])
        ignored.update({value: file.repeats * pixels for value, pixels in values.items()})
    return ClassCounts(*torch.from_numpy(counts)), dict(ignored)


def counts_of_files(
    files: Sequence[LabelFile],
    num_classes: int,
    ignore_index: int = 255,
    workers: int | None = None,
    show_progress: bool = False,
    backend_args: dict[str, Any] | None = None,
) -> Iterator[tuple[np.ndarray, dict[int, int]]]:
    """As :func:`count_label_files`, for each file: pixels of each class, (K,) int64, and ignored pixels by value."""
    classes_of_values: dict[tuple, np.ndarray] = {}
    with label_histograms([file.path for file in files], workers, backend_args) as histograms:
        console = Console(stderr=True)
        hidden = not (show_progress and console.is_terminal)
        progress = track(histograms, 'Counting labels', total=len(files), console=console, disable=hidden)
        for file, histogram in zip(files, progress, strict=True):
            num_values = 256 if len(histogram) == 256 else 65536
            key = (file.reduce_zero_label, file.label_map, num_values)
            if key not in classes_of_values:
                classes_of_values[key] = file.classes_of_values(num_values, num_classes, ignore_index)
            of_image = _of_classes(file.path, histogram, classes_of_values[key], num_classes)
            ignored = (classes_of_values[key][: len(histogram)] == num_classes) & (histogram > 0)
            yield of_image, {int(value): int(histogram[value]) for value in np.flatnonzero(ignored)}


def _of_classes(path: str, histogram: np.ndarray, classes_of_values: np.ndarray, num_classes: int) -> np.ndarray:
    """Pixels of each class, (K,) int64."""
    values = histogram.nonzero()[0]
    classes = classes_of_values[values]
    outside = values[classes > num_classes]
    if len(outside):
        hint = 'Check classes, reduce_zero_label, label_map and ignore_index of the data set.'
        pixels = dict(zip(outside.tolist()[:8], histogram[outside].tolist(), strict=False))
        got = f'values (with their pixels) {pixels}'
        raise UnusableLabelsError(f'label file {path}', f'labels of {num_classes} classes', got, hint)
    of_classes = np.zeros(num_classes + 1, dtype=np.int64)
    np.add.at(of_classes, classes, histogram[values])
    return of_classes[:num_classes]
