"""Counts as shares of their sum."""

from torch import Tensor

from ltseg.core.precision import widened

__all__ = ['shares_of']


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
