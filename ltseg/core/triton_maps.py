"""Launching the Triton kernels on a batch."""

from typing import NamedTuple

import torch
from torch import Tensor

from ltseg.core.differentiated_cross_entropy import LOG2_E, AdjustedCrossEntropy

__all__ = ['MOST_PIXELS', 'Kernels', 'Maps', 'Terms', 'pixels_of_cells']

MOST_PIXELS = 256  # that hang on the cells of a tile
# Tiles of the forward pass, in pixels, and of the backward pass, in cells. Triton wants powers of 2.
COLUMNS, CLASSES = 128, 8
MOST_CELLS, CELL_ROWS, CELL_CLASSES = 32, 16, 16


def pixels_of_cells(number: int, cells: int, size: int) -> int:
    """The most pixels that hang on ``number`` cells next to each other, under either alignment."""
    return min(int((number + 1) * max(size / cells, (size - 1) / max(cells - 1, 1))) + 1, size)


class Terms(NamedTuple):
    """The logits of the softmax in units of log 2: ``scale u + bias - margin [k = y]``, each (K,) in float32.

    Example:
        >>> import torch
        >>> from ltseg.core.adjustment import Adjustment
        >>> from ltseg.core.differentiated_cross_entropy import AdjustedCrossEntropy
        >>> from ltseg.core.triton_maps import Terms
        >>> loss = AdjustedCrossEntropy(Adjustment(bias=torch.tensor([0.0, 2.0]).log()))
        >>> Terms.of(loss, torch.zeros(1, 2, 4, 4)).bias.tolist()  # log2 of 0 and of 2
        [-inf, 1.0]
    """

    scale: Tensor
    bias: Tensor
    margin: Tensor | None

    @classmethod
    def of(cls, loss: AdjustedCrossEntropy, logits: Tensor) -> 'Terms':
        given = loss.adjustment.to(logits.device, torch.float32)
        zeros = torch.zeros(logits.shape[1], dtype=torch.float32, device=logits.device)
        return cls(
            (zeros + 1 if given.scale is None else given.scale) * LOG2_E,
            zeros if given.bias is None else given.bias * LOG2_E,
            None if given.margin is None else given.margin * LOG2_E,
        )


class Maps(NamedTuple):
    """Of the labels' shape: log-sum-exp and the label's logit in units of log 2, and whether none is larger (int8).

    Example:
        >>> import math, torch
        >>> from ltseg.core.triton_maps import Maps
        >>> maps = Maps(log_sum=torch.tensor(1.0), own=torch.tensor(0.0), correct=torch.tensor(1))  # two equal logits
        >>> round(math.log(2) * (maps.log_sum - maps.own).item(), 4)  # cross entropy
        0.6931
    """

    log_sum: Tensor
    own: Tensor
    correct: Tensor


class Kernels(NamedTuple):
    """The kernels on one batch.

    Example:
        >>> import torch
        >>> from ltseg.core.triton_maps import Kernels
        >>> kernels = Kernels(torch.zeros(1, 19, 8, 16), torch.zeros(1, 32, 64).long(), False, 255)
        >>> kernels.axes  # cells and pixels of rows and columns
        ((8, 32), (16, 64))
    """

    logits: Tensor
    labels: Tensor
    align_corners: bool
    ignore_index: int

    @property
    def sizes(self) -> tuple[int, ...]:
        """K, h, w, H, W."""
        return *self.logits.shape[1:], *self.labels.shape[1:]

    @property
    def axes(self) -> tuple[tuple[int, int], tuple[int, int]]:
        """Cells and pixels of rows and columns."""
        _, h, w, height, width = self.sizes
        return (h, height), (w, width)

    def maps(self, terms: Terms) -> Maps:
        """The maps of the labels' shape."""
        from ltseg.core.triton_kernels import forward_kernel

        images, (_, h, _, height, width) = len(self.logits), self.sizes
        rows = min(1 << (-(-height // h) - 1).bit_length(), 8)  # of a segment, as many as stay in registers
        log_sum = torch.empty(self.labels.shape, dtype=torch.float32, device=self.logits.device)
        maps = Maps(log_sum, torch.empty_like(log_sum), torch.empty_like(log_sum, dtype=torch.int8))
        margin = log_sum if terms.margin is None else terms.margin
        forward_kernel[-(-width // COLUMNS), h + 1, images](
            self.logits, self.labels, terms.scale, terms.bias, margin, *maps, *self.sizes, self.ignore_index,
            S=rows, J=COLUMNS, KB=CLASSES, ALIGN=self.align_corners,
            HAS_MARGIN=terms.margin is not None, num_warps=max(rows, 4), enable_fp_fusion=True,
        )  # fmt: skip
        return maps

    def gradient(self, terms: Terms, log_sum: Tensor, slope: Tensor, all_slopes: Tensor) -> Tensor:
        """(N, K, h, w) in float32; ``slope`` is that of log p_y, ``all_slopes`` the sum over the classes' log p."""
        from ltseg.core.triton_kernels import backward_kernel

        images, (classes, h, w, _, width) = len(self.logits), self.sizes
        cells = next((c for c in range(min(MOST_CELLS, w), 1, -1) if pixels_of_cells(c, w, width) <= 128), 1)
        pixels = max(128, 1 << (pixels_of_cells(cells, w, width) - 1).bit_length())
        blocks = -(-classes // CELL_CLASSES)
        gradient = torch.empty_like(self.logits, dtype=torch.float32)
        margin = log_sum if terms.margin is None else terms.margin
        backward_kernel[-(-w // cells), -(-h // CELL_ROWS), images * blocks](
            self.logits, self.labels, terms.scale, terms.bias, margin, log_sum, slope, all_slopes, gradient,
            *self.sizes, blocks, R=CELL_ROWS, CELLS=cells, C=MOST_CELLS, J=pixels, KB=CELL_CLASSES,
            ALIGN=self.align_corners, HAS_MARGIN=terms.margin is not None, num_warps=8, enable_fp_fusion=True,
        )  # fmt: skip
        return gradient
