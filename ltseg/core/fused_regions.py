"""Sums over upsampled regions without the upsampled logits: in bands of rows, once forward and once backward.

A loss on regions is a function of sums over pixels, so that its gradient in the logits is known only after all pixels
were seen. The bands are therefore upsampled twice (:mod:`ltseg.core.upsampling_bands`), and nothing is kept between::

    S = sum_pixels s(A l B^T)                    forward: three sums of each image and class, e.g. TP, FP and FN
    dL/dl = A^T (sum_S dL/dS ds/du) B            backward, with the dL/dS that autograd finds from L(S)
"""

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor

from ltseg.core.adjustment import Adjustment
from ltseg.core.fused_passes import refuse_second_differentiation
from ltseg.core.precision import exact_products, widest_dtype
from ltseg.core.upsampling_bands import UpsamplingBands

__all__ = ['SummedRegions', 'upsampled_regions']


class SummedRegions(Protocol):
    """Three sums over the pixels of each image and class, as a function that knows its gradient.

    Example:
        >>> from ltseg.core.adjustment import Adjustment
        >>> from ltseg.core.fused_regions import SummedRegions
        >>> from ltseg.core.regions import AdjustedRegions
        >>> regions: SummedRegions = AdjustedRegions(Adjustment())
        >>> regions.kind._fields
        ('true_positives', 'false_positives', 'false_negatives')
    """

    @property
    def adjustment(self) -> Adjustment:
        """That of the logits, and the weights of classes."""

    @property
    def kind(self) -> Any:
        """A named tuple of the three sums."""

    def __call__(self, logits: Tensor, labels: Tensor, weight: Tensor | None = None) -> Any:
        """The sums (N, K) of any images, or of a part of them, with a graph."""

    def gradient(self, logits: Tensor, labels: Tensor, received: Any) -> Tensor:
        """What reaches the logits (N, K, *) of the gradient ``received`` by the sums."""


def upsampled_regions(
    logits: Tensor,
    labels: Tensor,
    regions: Sequence[SummedRegions],
    align_corners: bool = False,
    band_rows: int | None = None,
) -> list[Any]:
    """The sums over ``interpolate(logits, labels.shape[1:], mode='bilinear', align_corners=align_corners)``.

    Value and gradient are those of the plain computation, in float32 or better; nothing of the size of the upsampled
    logits exists longer than a band of rows.

    Args:
        logits: (N, K, h, w).
        labels: Class indices, (N, H, W).
        regions: Each with an adjustment of its own. They share the upsampled band.
        align_corners: As in ``torch.nn.functional.interpolate``.
        band_rows: Rows of labels in a band; by default they follow from the shapes.

    Returns:
        The ``kind`` of each of ``regions`` of (N, K), with a graph.

    Raises:
        RuntimeError: If the result is differentiated with ``create_graph=True``: the gradient has no graph.

    Example:
        >>> import torch
        >>> from ltseg.core.adjustment import Adjustment
        >>> from ltseg.core.fused_regions import upsampled_regions
        >>> from ltseg.core.regions import AdjustedRegions
        >>> logits, labels = torch.zeros(1, 2, 1, 1), torch.tensor([[[0, 0], [0, 1]]])
        >>> (sums,) = upsampled_regions(logits, labels, [AdjustedRegions(Adjustment())])
        >>> [each.tolist() for each in sums]  # p is 1 / 2 everywhere
        [[[1.5, 0.5]], [[0.5, 1.5]], [[1.5, 0.5]]]
    """
    with torch.autocast(logits.device.type, enabled=False):
        batch = _Batch(labels, tuple(regions), UpsamplingBands(logits, labels, align_corners, band_rows))
        found = _BandedSums.apply(logits, batch)
        return [each.kind(*sums) for each, sums in zip(regions, found, strict=True)]


class _Batch(NamedTuple):
    labels: Tensor
    regions: tuple[SummedRegions, ...]
    upsampling: UpsamplingBands


class _BandedSums(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, logits: Tensor, batch: _Batch) -> Tensor:
        images, classes = logits.shape[:2]
        size = len(batch.regions), 3, images, classes
        sums = torch.zeros(size, dtype=widest_dtype(logits.device), device=logits.device)
        with exact_products():  # interpolation in TF32 would round logits to 10 bits
            for image, _, upsampled, labels in batch.upsampling.parts(logits, batch.labels):
                for index, regions in enumerate(batch.regions):
                    sums[index, :, image] += torch.cat(regions(upsampled, labels))
        ctx.save_for_backward(logits)
        ctx.batch = batch
        return sums.to(batch.upsampling.dtype)

    @staticmethod
    def backward(ctx: Any, received: Tensor) -> tuple[Tensor, None]:
        refuse_second_differentiation('upsampled_regions', 'the gradient is made without a graph')
        (logits,), batch = ctx.saved_tensors, ctx.batch
        result = torch.zeros_like(logits, dtype=batch.upsampling.dtype)
        with torch.autocast(logits.device.type, enabled=False), exact_products():
            for image, band, upsampled, labels in batch.upsampling.parts(logits, batch.labels):
                of_sums = zip(batch.regions, received[:, :, image : image + 1], strict=True)
                gradient = sum(regions.gradient(upsampled, labels, regions.kind(*of)) for regions, of in of_sums)
                result[image, :, band.cells] += batch.upsampling.gradient(gradient, band)
        return result.to(logits.dtype), None
