"""Losses of upsampled logits without the upsampled logits: in bands of rows, with the gradient made on the way.

A segmentation head gives logits at a quarter or an eighth of the resolution of the labels. The usual path upsamples
them, and then keeps the upsampled logits, their log-softmax and its gradient, each as large as labels times classes.
Here one band of rows of one image is upsampled, its losses are computed and differentiated, and the band is forgotten::

    u = A l B^T                      A (H, h), B (W, w): bilinear interpolation of rows and of columns
    s = sum_pixels loss(u)
    ds/dl = A^T (ds/du) B            summed over bands, in the forward pass

The last line is what the backward pass multiplies with the gradient that it receives. A loss may offer ds/du
(:class:`ltseg.core.sample_losses.DifferentiatedLosses`); that of any other is found by autograd, in the band. For
losses that are functions of sums over pixels, see :mod:`ltseg.core.fused_regions`.

On a GPU, losses that are adjusted cross entropies take the kernels of :mod:`ltseg.core.triton_upsampling` instead.
In compiled code, adjusted cross entropies are one operator (:mod:`ltseg.core.fused_passes`), and the compiler gets the
upsampled logits of other losses.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from ltseg.core.banded_upsampling import Batch
from ltseg.core.differentiated_cross_entropy import AdjustedCrossEntropy
from ltseg.core.fused_passes import Path, fused_passes, takes_triton
from ltseg.core.precision import widened
from ltseg.core.right_samples import count_right, right_samples
from ltseg.core.sample_losses import SampleLosses
from ltseg.core.torch_versions import HAS_OPERATORS, is_compiling

__all__ = ['UpsampledLosses', 'upsampled_losses']


class UpsampledLosses(NamedTuple):
    """Sums over the pixels of a batch.

    Args:
        losses: Sum of each loss, (L,), with a graph.
        class_weights: Sum of the class weights of valid pixels under each loss, (L,); their number without weights.
        correct: Number of valid pixels whose label has the largest logit, a scalar; by class, their number and that
            of the others, (2, K). Ties count as correct.

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
    by_class: bool = False,
) -> UpsampledLosses:
    """The summed losses of ``interpolate(logits, labels.shape[1:], mode='bilinear', align_corners=align_corners)``.

    Value and gradient are those of the plain computation, in float32 or better; nothing of the size of the upsampled
    logits exists longer than a band of rows, but in compiled code for losses other than adjusted cross entropies.

    Args:
        logits: (N, K, h, w).
        labels: Class indices, (N, H, W).
        sample_losses: The losses, each of which depends on the pixel alone. They share the upsampled band.
        align_corners: As in ``torch.nn.functional.interpolate``.
        ignore_index: Label that does not count.
        band_rows: Rows of labels in a band; by default they follow from the shapes.
        path: 'bands', 'triton', or 'auto': the kernels for logits on a GPU where they can serve, and else bands.
        by_class: Whether correct pixels are counted for each class.

    Raises:
        ValueError: If ``path='triton'`` and the kernels cannot serve.
        RuntimeError: If the result is differentiated with ``create_graph=True``: the gradient has no graph.
    """
    if is_compiling() and not HAS_OPERATORS:
        function = torch._dynamo.disable(upsampled_losses)  # unrolled, the bands would take the compiler minutes
        return function(logits, labels, sample_losses, align_corners, ignore_index, band_rows, path, by_class)
    with torch.autocast(logits.device.type, enabled=False):
        if is_compiling() and not all(type(each) is AdjustedCrossEntropy for each in sample_losses):
            takes_triton(path, logits, labels, sample_losses)  # or it is an error
            return _losses_of_all(logits, labels, sample_losses, align_corners, ignore_index, by_class)
        with_gradient = torch.is_grad_enabled() and logits.requires_grad
        options = align_corners, ignore_index, band_rows, with_gradient, by_class
        batch = Batch(labels, tuple(sample_losses), *options)
        return UpsampledLosses(*fused_passes(logits, batch, path))


def _losses_of_all(
    logits: Tensor,
    labels: Tensor,
    sample_losses: Sequence[SampleLosses],
    align_corners: bool,
    ignore_index: int,
    by_class: bool,
) -> UpsampledLosses:
    # For compiled code: an operator cannot take Python functions, and the compiler fuses interpolation and loss itself.
    wide = logits.to(torch.promote_types(logits.dtype, torch.float32))
    upsampled = F.interpolate(wide, labels.shape[1:], mode='bilinear', align_corners=align_corners)
    losses, class_weights = [], []
    for each in sample_losses:
        of_samples, weights = each(upsampled, labels)
        losses.append(of_samples.sum())
        class_weights.append(widened(labels != ignore_index if weights is None else weights).sum())
    right = right_samples(upsampled.detach(), labels, ignore_index)
    correct = count_right(right, labels, ignore_index, logits.shape[1] if by_class else None)
    return UpsampledLosses(torch.stack(losses), torch.stack(class_weights), correct)
