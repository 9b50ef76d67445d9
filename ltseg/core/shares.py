"""Counts as shares of their sum."""

import torch
from torch import Tensor

from ltseg.core.precision import widened

__all__ = ['gini', 'shares_of']


def shares_of(counts: Tensor) -> Tensor:
    """``n_k / sum_j n_j``, and 0 for every class where no class has a sample.

    Args:
        counts: n, (K,), at least 0.

    Returns:
        (K,); they sum to 1, or to 0 where there are no samples.
    """
    counts = widened(counts)
    total = counts.sum()
    return counts / total.where(total > 0, 1.0)  # not a branch: no accelerator has to wait for the CPU


def gini(counts: Tensor) -> float:
    """How unequal counts are, from 0 (all equal) to 1 - 1 / K (one class has all)::

        G = sum_ij |n_i - n_j| / (2 K sum_k n_k)

    Args:
        counts: n, (K,), at least 0 and not all 0.

    Source:
        Yang et al., A Survey on Long-Tailed Visual Recognition, IJCV 2022; of images and of pixels in Li et al.,
        Frequency-based Matcher for Long-tailed Semantic Segmentation, 2024.

    Example:
        >>> import torch
        >>> from ltseg.core.shares import gini
        >>> gini(torch.tensor([5, 5])), gini(torch.tensor([0, 0, 0, 8]))
        (0.0, 0.75)
    """
    ordered = widened(counts).sort().values
    places = torch.arange(1, len(ordered) + 1, dtype=ordered.dtype)
    return (((2 * places - len(ordered) - 1) * ordered).sum() / (len(ordered) * ordered.sum())).item()
