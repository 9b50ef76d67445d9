"""How often each value occurs, counted on a device that does not wait for the CPU."""

import torch
from torch import Tensor
from torch.nn import functional as F

__all__ = ['histogram']

COLUMNS, CELLS = 2**10, 2**20  # most columns, and most numbers, of the table that values are counted in


def histogram(values: Tensor, size: int) -> Tensor:
    """``bincount(values, minlength=size)`` of values that are known to be below ``size``, for an accelerator.

    ``bincount`` reads the range of the values back, for which the device waits and compiled code is left. Values side
    by side are counted in columns of their own, which are added up in the end: threads that add to the same number wait
    for each other, and one class may have nearly all pixels.

    Args:
        values: Of any shape, int64 in [0, size).
        size: Number of different values.

    Returns:
        (size,) int64.
    """
    columns = max(min(COLUMNS, CELLS // size), 1)
    rows = -(-values.numel() // columns)
    places = F.pad(values.flatten(), (0, rows * columns - values.numel()), value=size).view(rows, columns)
    table = torch.zeros(size + 1, columns, dtype=torch.int32, device=values.device)
    return table.scatter_add_(0, places, torch.ones_like(table[:1]).expand(rows, columns))[:size].sum(1)
