"""Linear interpolation of one axis as a product with a matrix of two entries a row, in tiles.

Interpolating an image is ``A l B^T`` with a matrix for each axis, and going back is ``A^T g B``: products that are
deterministic on every device, where PyTorch's backward of ``interpolate`` is not on CUDA. A matrix is all but empty, so
that it is cut into tiles of pixels, each with the cells that they lie between.
"""

from typing import NamedTuple, TypeVar

import torch
from torch import Tensor

__all__ = ['Tile', 'gathered', 'interpolated', 'source_cells', 'tiles']


class Tile(NamedTuple):
    """Some consecutive pixels of an axis.

    Args:
        pixels: Where they are on the long axis.
        cells: Where the cells that they hang on are on the short axis.
        matrix: Weight of each cell for each pixel, (pixels, cells), with rows that sum to 1.

    Example:
        >>> import torch
        >>> from ltseg.core.interpolation import tiles
        >>> (tile,) = tiles(cells=2, size=4, align_corners=False, length=4, like=torch.zeros(1))
        >>> tile.cells, tile.matrix.tolist()
        (slice(0, 2, None), [[1.0, 0.0], [0.75, 0.25], [0.25, 0.75], [0.0, 1.0]])
    """

    pixels: slice
    cells: slice
    matrix: Tensor


Pixels = TypeVar('Pixels', int, Tensor)


def _positions(pixels: Pixels, cells: int, size: int, align_corners: bool) -> tuple[Pixels, int]:
    """The position of pixels in units of cells, as numerator and denominator: exact where a float is not."""
    if align_corners:
        return pixels * (cells - 1), max(size - 1, 1)
    return (2 * pixels + 1) * cells - size, 2 * size


def source_cells(pixels: Tensor, cells: int, size: int, align_corners: bool) -> tuple[Tensor, Tensor]:
    """The cell that each pixel lies at or after, from -1 on, and its distance from there in [0, 1) in float64.

    Args:
        pixels: Numbers of pixels, int64.
        cells: Length of the axis that is interpolated.
        size: Length that it gets.
        align_corners: As in ``torch.nn.functional.interpolate``.
    """
    numerator, denominator = _positions(pixels, cells, size, align_corners)
    before = torch.div(numerator, denominator, rounding_mode='floor')
    return before, (numerator - before * denominator).double() / denominator


def tiles(cells: int, size: int, align_corners: bool, length: int, like: Tensor) -> list[Tile]:
    """The tiles of an axis of ``size`` pixels that is interpolated from ``cells``, each of ``length`` pixels or less.

    The matrices have the device and the precision of ``like``.
    """
    whole = _matrix(cells, size, align_corners, like.dtype)
    found = []
    for start in range(0, size, length):
        pixels = slice(start, min(start + length, size))
        first, denominator = _positions(start, cells, size, align_corners)
        last, _ = _positions(pixels.stop - 1, cells, size, align_corners)
        used = slice(max(first // denominator, 0), min(-(-last // denominator) + 1, cells))
        found.append(Tile(pixels, used, whole[pixels, used].contiguous().to(like.device, non_blocking=True)))
    return found


def _matrix(cells: int, size: int, align_corners: bool, dtype: torch.dtype) -> Tensor:
    """(size, cells), on the CPU: its parts are sent along with what they are for, and no accelerator has to wait."""
    before, distance = source_cells(torch.arange(size), cells, size, align_corners)
    matrix = torch.zeros(size, cells, dtype=dtype)
    for cell, weight in ((before.clamp(min=0), 1 - distance), ((before + 1).clamp(max=cells - 1), distance)):
        matrix.scatter_add_(1, cell.unsqueeze(1), weight.unsqueeze(1).to(dtype))
    return matrix


def interpolated(values: Tensor, columns: list[Tile]) -> Tensor:
    """The last axis interpolated: (*, cells) -> (*, size)."""
    return torch.cat([values[..., tile.cells] @ tile.matrix.T for tile in columns], -1)


def gathered(gradient: Tensor, columns: list[Tile], cells: int) -> Tensor:
    """The gradient of what :func:`interpolated` was given: (*, size) -> (*, cells)."""
    result = gradient.new_zeros(*gradient.shape[:-1], cells)
    for tile in columns:
        result[..., tile.cells] += gradient[..., tile.pixels] @ tile.matrix
    return result
