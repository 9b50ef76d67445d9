"""Exact counts of the labels of one batch."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from ltseg.core.confusion import on_accelerator
from ltseg.core.errors import InvalidValueError
from ltseg.core.histogram import histogram
from ltseg.core.precision import widest_dtype
from ltseg.core.torch_versions import is_compiling

__all__ = ['count_labels', 'explaining_label_errors']


def count_labels(labels: Tensor, num_classes: int, ignore_index: int = -100) -> Tensor:
    """Counts the labels of a batch.

    Args:
        labels: Class indices (N, *) of any integer type, or probabilities (N, K, *).
        num_classes: K.
        ignore_index: Label that is not counted.

    Returns:
        (3, K): samples of each class, images that contain it, and valid samples of those images; int64, or
        floating for probabilities (an image contains a class that has any probability in it).

    Raises:
        ValueError: If a label is neither a class nor ``ignore_index`` (seen on the CPU and outside of
            ``torch.compile`` only: looking at values would make an accelerator wait, and a compiled function break).
    """
    if labels.is_floating_point():
        dtype = widest_dtype(labels.device)
        of_images = labels.flatten(2).sum(2, dtype=dtype) if labels.ndim > 2 else labels.to(dtype)  # (N, K)
    elif labels.ndim == 1 or labels.numel() == 0:  # every sample is an image
        return _histograms(labels[None], num_classes, ignore_index).expand(3, -1)
    else:
        of_images = _histograms(labels, num_classes, ignore_index)
    contains = of_images > 0
    total = of_images.sum(1, keepdim=True)
    return torch.stack([of_images.sum(0), contains.sum(0).to(total.dtype), (contains * total).sum(0)])


def _histograms(labels: Tensor, num_classes: int, ignore_index: int) -> Tensor:
    """Counts of the labels of each image, (N, *) -> (N, K)."""
    if not on_accelerator(labels) and not is_compiling():
        return torch.stack([_checked_histogram(image, num_classes, ignore_index) for image in labels])
    number, slots = len(labels), num_classes + 1  # the last takes what is ignored
    labels = labels.flatten(1).long()
    places = labels.where(labels != ignore_index, num_classes).clamp(0, num_classes)
    places = places + slots * torch.arange(number, device=labels.device)[:, None]
    return histogram(places, number * slots).view(number, slots)[:, :num_classes]


def _checked_histogram(labels: Tensor, num_classes: int, ignore_index: int) -> Tensor:
    in_histogram = 0 <= ignore_index < 2**16
    labels = labels.flatten() if in_histogram else labels[labels != ignore_index]
    lowest = int(labels.min()) if labels.numel() else 0
    if lowest < 0:
        raise _outside(lowest, num_classes, ignore_index)
    counted = torch.bincount(labels, minlength=max(num_classes, ignore_index + 1 if in_histogram else 0))
    if in_histogram:
        counted[ignore_index] = 0
    outside = counted[num_classes:].nonzero()
    if len(outside):
        raise _outside(num_classes + int(outside[0]), num_classes, ignore_index)
    return counted[:num_classes]


def _outside(value: int, num_classes: int, ignore_index: int) -> InvalidValueError:
    hint = 'Check num_classes of the head, reduce_zero_label of the data set, and ignore_index.'
    expected = f'classes 0..{num_classes - 1} or the ignored label {ignore_index}'
    return InvalidValueError('labels', expected, repr(value), hint)


@contextmanager
def explaining_label_errors(labels: Tensor, num_classes: int, ignore_index: int) -> Iterator[None]:
    """Says which label is no class, as ``count_labels`` does, where torch says that an index is out of bounds."""
    try:
        yield
    except (IndexError, RuntimeError):
        count_labels(labels, num_classes, ignore_index)
        raise
