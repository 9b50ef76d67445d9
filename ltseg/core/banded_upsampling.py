"""The sums of losses of upsampled logits, and their gradient, one band of rows of one image after the other."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from ltseg.core.precision import exact_products, widest_dtype
from ltseg.core.right_samples import count_right, right_samples
from ltseg.core.sample_losses import DifferentiatedLosses, SampleLosses
from ltseg.core.upsampling_bands import UpsamplingBands

__all__ = ['Batch', 'banded_gradient', 'banded_losses']


class Batch(NamedTuple):
    """What is computed of logits (N, K, h, w), with arguments of :func:`ltseg.core.fused_upsampling.upsampled_losses`.

    Example:
        >>> import torch
        >>> from ltseg.core.adjustment import Adjustment
        >>> from ltseg.core.banded_upsampling import Batch, banded_losses
        >>> from ltseg.core.differentiated_cross_entropy import AdjustedCrossEntropy
        >>> logits, labels = torch.zeros(1, 2, 1, 1), torch.zeros(1, 2, 2, dtype=torch.int64)
        >>> batch = Batch(labels, (AdjustedCrossEntropy(Adjustment()),), False, 255, band_rows=1, with_gradient=True)
        >>> *_, (gradient,) = banded_losses(logits, batch)
        >>> gradient.flatten().tolist()  # of four pixels: p - onehot
        [-2.0, 2.0]
    """

    labels: Tensor
    sample_losses: tuple[SampleLosses, ...]
    align_corners: bool
    ignore_index: int
    band_rows: int | None
    with_gradient: bool
    by_class: bool = False

    def losses_of(self, index: int, upsampled: Tensor, labels: Tensor) -> tuple[Tensor, Tensor | None, Tensor | None]:
        """Losses and class weights of a band's samples, and the gradient of the summed losses if one is needed."""
        sample_losses = self.sample_losses[index]
        if not self.with_gradient:
            return *sample_losses(upsampled, labels), None
        if isinstance(sample_losses, DifferentiatedLosses):
            return sample_losses.value_and_gradient(upsampled, labels)
        with torch.enable_grad():
            leaf = upsampled.detach().requires_grad_()
            losses, class_weights = sample_losses(leaf, labels)
            (gradient,) = torch.autograd.grad(losses.sum(), leaf)
        return losses.detach(), class_weights, gradient


def banded_losses(logits: Tensor, batch: Batch) -> tuple[Tensor, Tensor, Tensor, list[Tensor]]:
    """The sums of :class:`ltseg.core.fused_upsampling.UpsampledLosses`, and the gradients of the losses if needed."""
    upsampling = UpsamplingBands(logits, batch.labels, batch.align_corners, batch.band_rows)
    number = len(batch.sample_losses)
    losses = torch.zeros(number, dtype=widest_dtype(logits.device), device=logits.device)
    class_weights = torch.zeros_like(losses)
    by_class = logits.shape[1] if batch.by_class else None
    correct = torch.zeros(() if by_class is None else (2, by_class), dtype=torch.int64, device=logits.device)
    gradients = [torch.zeros_like(logits, dtype=upsampling.dtype) for _ in range(number * batch.with_gradient)]
    with exact_products():  # interpolation in TF32 would round logits to 10 bits
        for image, band, upsampled, labels in upsampling.parts(logits, batch.labels):
            right = right_samples(upsampled, labels, batch.ignore_index)
            correct += count_right(right, labels, batch.ignore_index, by_class)
            for index in range(number):
                of_samples, weights, gradient = batch.losses_of(index, upsampled, labels)
                losses[index] += of_samples.sum()
                class_weights[index] += (labels != batch.ignore_index if weights is None else weights).sum()
                if gradient is not None:
                    gradients[index][image, :, band.cells] += upsampling.gradient(gradient, band)
    return losses.to(upsampling.dtype), class_weights, correct, gradients


def banded_gradient(received: Tensor, gradients: Sequence[Tensor]) -> Tensor:
    """The gradient of ``(received * losses).sum()`` in the logits, in float32 or better."""
    first, *others = gradients
    result = first * received[0]
    for factor, gradient in zip(received[1:], others, strict=True):
        result.addcmul_(gradient, factor)
    return result
