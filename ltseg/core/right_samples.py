"""Samples whose label has the largest logit: which they are, and how many, of all classes or of each."""

import torch
from torch import Tensor

from ltseg.core.confusion import on_accelerator
from ltseg.core.histogram import histogram
from ltseg.core.precision import widest_dtype
from ltseg.core.torch_versions import is_compiling

__all__ = ['count_right', 'outcomes', 'right_samples']


def right_samples(logits: Tensor, labels: Tensor, ignore_index: int) -> Tensor:
    """Whether a sample is valid and its label has the largest logit, (N, *) bool. Ties count as right.

    Args:
        logits: (N, K, *).
        labels: Class indices (N, *).
        ignore_index: Label of samples that are not valid.
    """
    valid = labels != ignore_index
    own = logits.gather(1, labels.where(valid, 0).unsqueeze(1)).squeeze(1)
    return (own >= logits.amax(1)) & valid  # amax is much faster than argmax


def count_right(right: Tensor, labels: Tensor, ignore_index: int, by_class: int | None = None) -> Tensor:
    """Number of right samples.

    Args:
        right: As :func:`right_samples` gives them.
        labels: Class indices of the same shape.
        ignore_index: Label of samples that are not valid.
        by_class: K, for the right and the missed samples of each class; None is for the right ones of all classes.

    Returns:
        A scalar, or (2, K), int64.
    """
    if by_class is None:
        return right.sum()
    is_class = (labels >= 0) & (labels < by_class) & (labels != ignore_index)
    cells = (labels + by_class * ~right).where(is_class, 2 * by_class).flatten()
    on_cpu = not on_accelerator(labels) and not is_compiling()
    counted = torch.bincount(cells, minlength=2 * by_class + 1) if on_cpu else histogram(cells, 2 * by_class + 1)
    return counted[:-1].view(2, by_class)


def outcomes(logits: Tensor, labels: Tensor, ignore_index: int) -> Tensor:
    """How many samples of each class are right, and how many are missed.

    Args:
        logits: (N, K, *).
        labels: Class indices (N, *), or probabilities (N, K, *), of which each class is right or missed by its share.
        ignore_index: Label that is not counted.

    Returns:
        (2, K), int64, or floating for probabilities.
    """
    if not labels.is_floating_point():
        return count_right(right_samples(logits, labels, ignore_index), labels, ignore_index, logits.shape[1])
    largest = logits >= logits.amax(1, keepdim=True)
    shares = torch.stack([labels * largest, labels * ~largest])  # (2, N, K, *)
    return shares.transpose(1, 2).flatten(2).sum(2, dtype=widest_dtype(labels.device))
