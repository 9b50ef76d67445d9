"""The sums of losses of upsampled logits, and their gradient, one band of rows of one image after the other."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from ltseg.core.precision import exact_products, widest_dtype
from ltseg.core.sample_losses import DifferentiatedLosses, SampleLosses
from ltseg.core.upsampling_bands import UpsamplingBands

__all__ = ['Batch', 'banded_gradient', 'banded_losses', 'correct_pixels']


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
    correct = torch.zeros((), dtype=torch.int64, device=logits.device)
    gradients = [torch.zeros_like(logits, dtype=upsampling.dtype) for _ in range(number * batch.with_gradient)]
    with exact_products():  # interpolation in TF32 would round logits to 10 bits
        for image, band, upsampled, labels in upsampling.parts(logits, batch.labels):
            correct += correct_pixels(upsampled, labels, batch.ignore_index)
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


def correct_pixels(upsampled: Tensor, labels: Tensor, ignore_index: int) -> Tensor:
    """Number of valid pixels whose label has the largest logit, a scalar."""
    valid = labels != ignore_index
    own = upsampled.gather(1, labels.where(valid, 0).unsqueeze(1)).squeeze(1)
    return ((own >= upsampled.amax(1)) & valid).sum()  # amax is much faster than argmax
