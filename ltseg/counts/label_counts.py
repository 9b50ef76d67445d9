"""Exact counts of the labels of one batch."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from ltseg.core.confusion import on_accelerator
from ltseg.core.errors import InvalidValueError
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
        return _histogram(labels, num_classes, ignore_index).expand(3, -1)
    else:
        of_images = torch.stack([_histogram(image, num_classes, ignore_index) for image in labels])
    contains = of_images > 0
    total = of_images.sum(1, keepdim=True)
    return torch.stack([of_images.sum(0), contains.sum(0).to(total.dtype), (contains * total).sum(0)])


def _histogram(labels: Tensor, num_classes: int, ignore_index: int) -> Tensor:
    if on_accelerator(labels) or is_compiling():
        # bincount reads its range back, for which a device waits and a compiled function is left; a fixed buffer does
        # not. Its last slot takes what is ignored.
        slots = labels.flatten().long().where(labels.flatten() != ignore_index, num_classes).clamp(0, num_classes)
        buffer = torch.zeros(num_classes + 1, dtype=torch.int64, device=labels.device)
        return buffer.scatter_add_(0, slots, torch.ones_like(slots))[:num_classes]
    in_histogram = 0 <= ignore_index < 2**16
    labels = labels.flatten() if in_histogram else labels[labels != ignore_index]
    lowest = int(labels.min()) if labels.numel() else 0
    if lowest < 0:
        raise _outside(lowest, num_classes, ignore_index)
    histogram = torch.bincount(labels, minlength=max(num_classes, ignore_index + 1 if in_histogram else 0))
    if in_histogram:
        histogram[ignore_index] = 0
    outside = histogram[num_classes:].nonzero()
    if len(outside):
        raise _outside(num_classes + int(outside[0]), num_classes, ignore_index)
    return histogram[:num_classes]


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
