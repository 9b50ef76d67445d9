"""Losses of upsampled logits without the upsampled logits: in bands of rows, with the gradient made on the way.

A segmentation head gives logits at a quarter or an eighth of the resolution of the labels. The usual path upsamples
them, and then keeps the upsampled logits, their log-softmax and its gradient, each as large as labels times classes.
Here one band of rows of one image is upsampled, its losses are computed and differentiated, and the band is forgotten::

    u = A l B^T                      A (H, h), B (W, w): bilinear interpolation of rows and of columns
    s = sum_pixels loss(u)
    ds/dl = A^T (ds/du) B            summed over bands, in the forward pass

The last line is what the backward pass multiplies with the gradient that it receives. A loss may offer ds/du
(:class:`DifferentiatedLosses`); that of any other is found by autograd, in the band. For losses that are
functions of sums over pixels, see :mod:`ltseg.core.fused_regions`.

On a GPU, losses that are adjusted cross entropies take the kernels of :mod:`ltseg.core.triton_upsampling` instead.
"""

from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple, Protocol, runtime_checkable

import torch
from torch import Tensor

from ltseg.core.errors import InvalidValueError, WrongStateError
from ltseg.core.precision import exact_products, widest_dtype
from ltseg.core.torch_versions import is_compiling
from ltseg.core.triton_upsampling import obstacle_to_triton, triton_losses
from ltseg.core.upsampling_bands import UpsamplingBands

__all__ = ['DifferentiatedLosses', 'Path', 'SampleLosses', 'UpsampledLosses', 'upsampled_losses']

SampleLosses = Callable[[Tensor, Tensor], tuple[Tensor, Tensor | None]]
"""Logits (N, K, *) and labels (N, *) -> the loss and the class weight (None: 1) of each sample, 0 where ignored."""

Path = Literal['auto', 'bands', 'triton']


@runtime_checkable
class DifferentiatedLosses(Protocol):
    """Sample losses that know their gradient, which spares what autograd keeps for it.

    Example:
        >>> import torch
        >>> from ltseg.core.adjustment import Adjustment
        >>> from ltseg.core.differentiated_cross_entropy import AdjustedCrossEntropy
        >>> from ltseg.core.fused_upsampling import DifferentiatedLosses
        >>> isinstance(AdjustedCrossEntropy(Adjustment()), DifferentiatedLosses)
        True
    """

    def __call__(self, logits: Tensor, labels: Tensor) -> tuple[Tensor, Tensor | None]:
        """As :data:`SampleLosses`."""

    def value_and_gradient(self, logits: Tensor, labels: Tensor) -> tuple[Tensor, Tensor | None, Tensor]:
        """The same two, and the gradient of the summed losses, (N, K, *). It has no graph."""


class UpsampledLosses(NamedTuple):
    """Sums over the pixels of a batch.

    Args:
        losses: Sum of each loss, (L,), with a graph.
        class_weights: Sum of the class weights of valid pixels under each loss, (L,); their number without weights.
        correct: Number of valid pixels whose label has the largest logit, a scalar. Ties count as correct.

    Example:
        >>> import torch
        >>> from torch.nn.functional import cross_entropy
        >>> from ltseg.core.fused_upsampling import upsampled_losses
        >>> logits, labels = torch.zeros(1, 2, 1, 1), torch.zeros(1, 2, 2, dtype=torch.int64)
        >>> sums = upsampled_losses(logits, labels, [lambda *band: (cross_entropy(*band, reduction='none'), None)])
        >>> [round(value, 4) for value in sums.losses.tolist()], sums.class_weights.tolist()  # 4 log 2, of 4 pixels
        ([2.7726], [4.0])
    """

    losses: Tensor
    class_weights: Tensor
    correct: Tensor


def upsampled_losses(
    logits: Tensor,
    labels: Tensor,
    sample_losses: Sequence[SampleLosses],
    align_corners: bool = False,
    ignore_index: int = -100,
    band_rows: int | None = None,
    path: Path = 'auto',
) -> UpsampledLosses:
    """The summed losses of ``interpolate(logits, labels.shape[1:], mode='bilinear', align_corners=align_corners)``.

    Value and gradient are those of the plain computation, in float32 or better; nothing of the size of the upsampled
    logits exists longer than a band of rows.

    Args:
        logits: (N, K, h, w).
        labels: Class indices, (N, H, W).
        sample_losses: The losses, each of which depends on the pixel alone. They share the upsampled band.
        align_corners: As in ``torch.nn.functional.interpolate``.
        ignore_index: Label that does not count.
        band_rows: Rows of labels in a band; by default they follow from the shapes.
        path: 'bands', 'triton', or 'auto': the kernels for logits on a GPU where they can serve, and else bands.

    Raises:
        ValueError: If ``path='triton'`` and the kernels cannot serve.
        RuntimeError: If the result is differentiated with ``create_graph=True``: the gradient has no graph.
    """
    if is_compiling():  # unrolled, the loop over bands would take the compiler minutes, and gain nothing
        function = torch._dynamo.disable(upsampled_losses)
        return function(logits, labels, sample_losses, align_corners, ignore_index, band_rows, path)
    with torch.autocast(logits.device.type, enabled=False):
        if _takes_triton(path, logits, labels, sample_losses):
            return UpsampledLosses(*triton_losses(logits, labels, sample_losses, align_corners, ignore_index))
        with_gradient = torch.is_grad_enabled() and logits.requires_grad
        upsampling = UpsamplingBands(logits, labels, align_corners, band_rows)
        batch = _Batch(labels, tuple(sample_losses), upsampling, ignore_index, with_gradient)
        with exact_products():  # interpolation in TF32 would round logits to 10 bits
            return UpsampledLosses(*_BandedLosses.apply(logits, batch))


def _takes_triton(path: Path, logits: Tensor, labels: Tensor, sample_losses: Sequence[SampleLosses]) -> bool:
    if path == 'bands' or (path == 'auto' and not logits.is_cuda):
        return False
    obstacle = obstacle_to_triton(logits, labels, sample_losses)
    if obstacle is not None and path == 'triton':
        expected = "adjusted cross entropies in float32 or less on an NVIDIA GPU (Ampere or newer) for fused='triton'"
        raise InvalidValueError('upsampled_losses', expected, obstacle, 'Set fused=True.')
    return obstacle is None


class _Batch(NamedTuple):
    labels: Tensor
    sample_losses: tuple[SampleLosses, ...]
    upsampling: UpsamplingBands
    ignore_index: int
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

    def correct(self, upsampled: Tensor, labels: Tensor) -> Tensor:
        valid = labels != self.ignore_index
        own = upsampled.gather(1, labels.where(valid, 0).unsqueeze(1)).squeeze(1)
        return ((own >= upsampled.amax(1)) & valid).sum()  # amax is much faster than argmax


class _BandedLosses(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, logits: Tensor, batch: _Batch) -> tuple[Tensor, Tensor, Tensor]:
        upsampling, number = batch.upsampling, len(batch.sample_losses)
        losses, class_weights = torch.zeros(2, number, dtype=widest_dtype(logits.device), device=logits.device)
        correct = torch.zeros((), dtype=torch.int64, device=logits.device)
        gradients = [torch.zeros_like(logits, dtype=upsampling.dtype) for _ in range(number * batch.with_gradient)]
        for band in upsampling.bands:
            for image in range(len(logits)):
                labels = batch.labels[image : image + 1, band.pixels]
                upsampled = upsampling.upsampled(logits[image], band)
                correct += batch.correct(upsampled, labels)
                for index in range(number):
                    of_samples, weights, gradient = batch.losses_of(index, upsampled, labels)
                    losses[index] += of_samples.sum()
                    class_weights[index] += (labels != batch.ignore_index if weights is None else weights).sum()
                    if gradient is not None:
                        gradients[index][image, :, band.cells] += upsampling.gradient(gradient, band)
        ctx.save_for_backward(*gradients)
        ctx.dtype = logits.dtype
        ctx.mark_non_differentiable(class_weights, correct)
        return losses.to(upsampling.dtype), class_weights, correct

    @staticmethod
    def backward(ctx: Any, received: Tensor, *_: Any) -> tuple[Tensor, None]:
        if torch.is_grad_enabled():
            hint = 'Set fused=False in the head, or call the loss on upsampled logits.'
            expected = 'one differentiation: the gradient was made in the forward pass'
            raise WrongStateError('upsampled_losses', expected, 'create_graph=True', hint)
        first, *others = ctx.saved_tensors
        result = first * received[0]
        for factor, gradient in zip(received[1:], others, strict=True):
            result.addcmul_(gradient, factor)
        return result.to(ctx.dtype), None
