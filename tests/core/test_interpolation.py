"""Tiles of the interpolation matrix give what PyTorch's interpolation gives, and the way back is its transpose."""

import pytest
import torch
from torch.nn import functional as F

from ltseg.core.interpolation import gathered, interpolated, source_cells, tiles

AXES = [(4, 16), (5, 19), (1, 7), (7, 1), (6, 6), (12, 5), (3, 200)]


@pytest.mark.parametrize('align_corners', [False, True])
@pytest.mark.parametrize(('cells', 'size'), AXES)
@pytest.mark.parametrize('length', [1, 6, 1000])
def test_equals_pytorch(cells, size, align_corners, length):
    values = torch.randn(2, 3, cells, dtype=torch.float64, requires_grad=True)
    axis = tiles(cells, size, align_corners, length, values)
    expected = F.interpolate(values, size, mode='linear', align_corners=align_corners)
    torch.testing.assert_close(interpolated(values, axis), expected)
    received = torch.randn_like(expected)
    torch.testing.assert_close(gathered(received, axis, cells), torch.autograd.grad(expected, values, received)[0])


@pytest.mark.parametrize('align_corners', [False, True])
@pytest.mark.parametrize(('cells', 'size'), AXES)
def test_every_tile_holds_the_cells_in_use_and_no_others(cells, size, align_corners):
    for tile in tiles(cells, size, align_corners, 3, torch.empty(0)):
        assert tile.matrix.shape == (tile.pixels.stop - tile.pixels.start, tile.cells.stop - tile.cells.start)
        torch.testing.assert_close(tile.matrix.sum(1), torch.ones(len(tile.matrix)))
        if cells < size:
            assert tile.matrix.any(0).all()


def test_positions_are_exact_where_floats_are_not():
    """Pixel 49 of 99 is half way between the ends, whatever the number of cells: no rounding moves it."""
    for cells in range(3, 200, 2):
        before, distance = source_cells(torch.tensor([49]), cells, 99, align_corners=True)
        assert before == cells // 2 and distance == 0
