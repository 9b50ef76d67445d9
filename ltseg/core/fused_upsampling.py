"""Losses of upsampled logits without the upsampled logits: in bands of rows, with the gradient made on the way.

A segmentation head gives logits at a quarter or an eighth of the resolution of the labels. The usual path upsamples
them, and then keeps the upsampled logits, their log-softmax and its gradient, each as large as labels times classes.
Here one band of rows of one image is upsampled, its losses are computed and differentiated, and the band is forgotten::

    u = A l B^T                      A (H, h), B (W, w): bilinear interpolation of rows and of columns
    s = sum_pixels loss(u)
    ds/dl = A^T (ds/du) B            summed over bands, in the forward pass

The last line is what the backward pass multiplies with the gradient that it receives.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from ltseg.core.errors import WrongStateError

__all__ = ['SampleLosses', 'UpsampledLosses', 'upsampled_losses']

SampleLosses = Callable[[Tensor, Tensor], tuple[Tensor, Tensor | None]]
"""Logits (N, K, *) and labels (N, *) -> the loss and the class weight (None: 1) of each sample, 0 where ignored."""

# One band of upsampled logits: what stays in a core's cache, and on an accelerator what keeps launches few.
BAND_BYTES = {'cpu': 3 * 2**20}
ACCELERATOR_BAND_BYTES = 2**26


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

    Raises:
        RuntimeError: If the result is differentiated with ``create_graph=True``: the gradient has no graph.
    """
    rows = band_rows or _band_rows(logits, labels)
    with_gradient = torch.is_grad_enabled() and logits.requires_grad
    batch = _Batch(labels, tuple(sample_losses), align_corners, ignore_index, rows, with_gradient)
    with torch.autocast(logits.device.type, enabled=False):
        return UpsampledLosses(*_BandedLosses.apply(logits, batch))


def _band_rows(logits: Tensor, labels: Tensor) -> int:
    """Rows of labels in a band; at least those between three rows of logits, as every band upsamples its edges anew."""
    row = logits.shape[1] * labels.shape[2] * max(logits.element_size(), 4)
    limit = BAND_BYTES.get(logits.device.type, ACCELERATOR_BAND_BYTES)
    return max(limit // row, 2 * -(-labels.shape[1] // logits.shape[2]), 1)


class _Band(NamedTuple):
    """One band of one image, with views of what belongs to it."""

    logits: Tensor  # (1, K, s, w), rows that the band hangs on
    labels: Tensor  # (1, rows, W)
    rows: Tensor | None  # (rows, s), the part of A; None where logits have the size of the labels

    def upsampled(self, align_corners: bool) -> Tensor:
        """(1, K, rows, W). Columns first, while there are fewer rows."""
        if self.rows is None:
            return self.logits
        flat = self.logits.reshape(1, -1, self.logits.shape[3])
        columns = F.interpolate(flat, self.labels.shape[2], mode='linear', align_corners=align_corners)
        return self.rows @ columns.view(*self.logits.shape[:3], -1)


class _Batch(NamedTuple):
    labels: Tensor
    sample_losses: tuple[SampleLosses, ...]
    align_corners: bool
    ignore_index: int
    band_rows: int
    with_gradient: bool

    def bands(self, logits: Tensor) -> Iterator[tuple[_Band, int, slice]]:
        """Each band, its image, and its rows of logits."""
        dtype = torch.promote_types(logits.dtype, torch.float32)
        for start, source, rows in self._rows_of_bands(logits, dtype):
            for image in range(len(logits)):
                part = logits[image : image + 1, :, source].detach().to(dtype).requires_grad_(self.with_gradient)
                labels = self.labels[image : image + 1, start : start + self.band_rows]
                yield _Band(part, labels, rows), image, source

    def _rows_of_bands(self, logits: Tensor, dtype: torch.dtype) -> Iterator[tuple[int, slice, Tensor | None]]:
        """The first row of labels of each band, its rows of logits, and its part of A."""
        height = self.labels.shape[1]
        starts = range(0, height, self.band_rows)
        if logits.shape[2:] == self.labels.shape[1:]:
            yield from ((start, slice(start, start + self.band_rows), None) for start in starts)
            return
        identity = torch.eye(logits.shape[2], dtype=dtype).unsqueeze(0)
        # Made on the CPU: to find the rows in use on an accelerator would make it wait.
        interpolation = F.interpolate(identity, height, mode='linear', align_corners=self.align_corners)[0].T  # (H, h)
        for start in starts:
            rows = interpolation[start : start + self.band_rows]
            used = rows.any(0).nonzero()
            source = slice(int(used[0]), int(used[-1]) + 1)
            yield start, source, rows[:, source].contiguous().to(logits.device, non_blocking=True)

    def correct(self, upsampled: Tensor, labels: Tensor) -> Tensor:
        valid = labels != self.ignore_index
        own = upsampled.gather(1, labels.where(valid, 0).unsqueeze(1)).squeeze(1)
        return ((own >= upsampled.amax(1)) & valid).sum()  # amax is much faster than argmax


class _BandedLosses(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, logits: Tensor, batch: _Batch) -> tuple[Tensor, Tensor, Tensor]:
        dtype = torch.promote_types(logits.dtype, torch.float32)
        number = len(batch.sample_losses)
        losses, class_weights = torch.zeros(2, number, dtype=torch.float64, device=logits.device)
        correct = torch.zeros((), dtype=torch.int64, device=logits.device)
        gradients = [torch.zeros_like(logits, dtype=dtype) for _ in range(number if batch.with_gradient else 0)]
        for band, image, source in batch.bands(logits):
            with torch.set_grad_enabled(batch.with_gradient):
                upsampled = band.upsampled(batch.align_corners)
                for index, sample_losses in enumerate(batch.sample_losses):
                    of_samples, weights = sample_losses(upsampled, band.labels)
                    loss = of_samples.sum()
                    losses[index] += loss.detach()
                    class_weights[index] += (band.labels != batch.ignore_index if weights is None else weights).sum()
                    if batch.with_gradient:
                        (gradient,) = torch.autograd.grad(loss, band.logits, retain_graph=index + 1 < number)
                        gradients[index][image, :, source] += gradient[0]
            correct += batch.correct(upsampled.detach(), band.labels)
        ctx.save_for_backward(*gradients)
        ctx.dtype = logits.dtype
        ctx.mark_non_differentiable(class_weights, correct)
        return losses.to(dtype), class_weights, correct

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
