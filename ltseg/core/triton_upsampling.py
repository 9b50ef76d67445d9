"""Adjusted cross entropies of upsampled logits on an NVIDIA GPU (Ampere or newer): in two kernels each.

The forward pass makes three maps of the labels' size: log-sum-exp, the logit of the label, and whether it is the
largest. Losses, and their derivatives by the log probability of the label, follow for each pixel. The backward pass
makes the gradient of the logits from two maps and the logits, when it is asked for.
"""

import os
import shutil
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from ltseg.core.differentiated_cross_entropy import LOG2_E, AdjustedCrossEntropy
from ltseg.core.errors import WrongStateError
from ltseg.core.interpolation import gathered, interpolated, tiles
from ltseg.core.layout import per_class
from ltseg.core.triton_maps import MOST_PIXELS, Kernels, Terms, pixels_of_cells

__all__ = ['obstacle_to_triton', 'triton_losses']


def obstacle_to_triton(logits: Tensor, labels: Tensor, sample_losses: Sequence[Any]) -> str | None:
    """Why :func:`triton_losses` cannot serve, as the rest of a sentence that starts with "got"; None if it can."""
    if not all(isinstance(each, AdjustedCrossEntropy) for each in sample_losses):
        return 'a loss that is no adjusted cross entropy'
    if any(each.focusing and each.adjustment.smoothing is not None for each in sample_losses):
        return 'a loss with a focal factor and smoothed labels'
    if logits.dtype == torch.float64:
        return 'float64 logits'
    if max(pixels_of_cells(1, *axis) for axis in zip(logits.shape[2:], labels.shape[1:], strict=True)) > MOST_PIXELS:
        return f'logits {tuple(logits.shape)} for labels {tuple(labels.shape)}'
    return _missing(logits)


def _missing(logits: Tensor) -> str | None:
    """What the machine lacks."""
    try:
        import triton
    except ImportError:
        return 'no package triton'
    if int(triton.__version__.split('.')[0]) < 3:
        return f'triton {triton.__version__}, which is older than 3.0'
    if os.environ.get('TRITON_INTERPRET') == '1' and logits.device.type == 'cpu':
        return None
    if not logits.is_cuda or not torch.version.cuda or torch.cuda.get_device_capability(logits.device) < (8, 0):
        return 'another device'
    if not any(map(shutil.which, (os.environ.get('CC', 'cc'), 'gcc', 'clang'))):
        return 'no C compiler, which triton needs'
    return None


def triton_losses(
    logits: Tensor,
    labels: Tensor,
    sample_losses: Sequence[Any],
    align_corners: bool,
    ignore_index: int,
) -> tuple[Tensor, Tensor, Tensor]:
    """As :func:`ltseg.core.fused_upsampling.upsampled_losses`, where :func:`obstacle_to_triton` is None.

    A label that is no class and not ignored makes its loss nan.
    """
    with torch.cuda.device_of(logits):  # which is where Triton launches
        return _TritonLosses.apply(logits, labels.contiguous(), tuple(sample_losses), align_corners, ignore_index)


def _groups(sample_losses: Sequence[AdjustedCrossEntropy]) -> list[list[int]]:
    """Losses that share the softmax, and so the passes: those of the same terms, such as none."""
    groups: dict[tuple, list[int]] = {}
    for index, loss in enumerate(sample_losses):
        terms = loss.adjustment
        groups.setdefault((id(terms.scale), id(terms.bias), id(terms.margin)), []).append(index)
    return list(groups.values())


class _TritonLosses(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, logits: Tensor, labels: Tensor, sample_losses: tuple, align_corners: bool, ignore_index: int
    ) -> tuple[Tensor, Tensor, Tensor]:
        kernels = Kernels(logits.contiguous(), labels, align_corners, ignore_index)
        losses, class_weights = torch.zeros(2, len(sample_losses), dtype=torch.float64, device=logits.device)
        slopes: list[Any] = [None] * len(sample_losses)
        log_sums = []
        for group in _groups(sample_losses):
            maps = kernels.maps(Terms.of(sample_losses[group[0]], logits))
            log_sums.append(maps.log_sum)
            for index in group:
                loss = sample_losses[index]
                value, slopes[index], weight = loss.of_labels((maps.own - maps.log_sum) / LOG2_E, labels)
                if loss.adjustment.smoothing is not None:
                    value = value - loss.spread(labels) * _mean_log_probability(loss, kernels, maps.log_sum)
                losses[index] = value.sum(dtype=torch.float64)
                class_weights[index] = (labels != ignore_index if weight is None else weight).sum()
        ctx.save_for_backward(logits, labels, *log_sums, *slopes)
        ctx.sample_losses, ctx.options = sample_losses, (align_corners, ignore_index)
        correct = maps.correct.sum()
        ctx.mark_non_differentiable(class_weights, correct)
        return losses.float(), class_weights, correct

    @staticmethod
    def backward(ctx: Any, received: Tensor, *_: Any) -> tuple[Tensor | None, ...]:
        if torch.is_grad_enabled():
            hint = 'Set fused=False in the head, or call the loss on upsampled logits.'
            raise WrongStateError('triton_losses', 'one differentiation', 'create_graph=True', hint)
        logits, labels, *maps = ctx.saved_tensors
        kernels, groups = Kernels(logits.contiguous(), labels, *ctx.options), _groups(ctx.sample_losses)
        result: Any = 0
        for log_sum, group in zip(maps, groups, strict=False):
            terms = Terms.of(ctx.sample_losses[group[0]], logits)
            slope = sum(received[index] * maps[len(groups) + index] for index in group)
            all_slopes = slope
            for index in group:
                loss = ctx.sample_losses[index]
                if loss.adjustment.smoothing is not None:
                    spread = received[index] * loss.spread(labels)
                    all_slopes = all_slopes - spread * loss.spread_weights(logits).sum()
                    result = result - _gathered_spread(loss, kernels, spread)
            result = result + kernels.gradient(terms, log_sum, slope, all_slopes)
        return result.to(logits.dtype), None, None, None, None


def _mean_log_probability(loss: AdjustedCrossEntropy, kernels: Kernels, log_sum: Tensor) -> Tensor:
    """sum_k v_k log p_k of each pixel, v the weights of what is spread: linear in the logits but for log-sum-exp."""
    logits, labels = kernels.logits.float(), kernels.labels
    terms, weights = loss.adjustment, loss.spread_weights(logits)
    scaled = weights if terms.scale is None else weights * terms.scale
    rows, columns = (tiles(*axis, kernels.align_corners, axis[1], logits) for axis in kernels.axes)
    low = (logits * per_class(scaled, logits)).sum(1)  # (N, h, w)
    mean = interpolated(interpolated(low, columns).transpose(1, 2), rows).transpose(1, 2)
    mean = mean - weights.sum() / LOG2_E * log_sum
    if terms.bias is not None:
        mean = mean + (weights * terms.bias.masked_fill(weights == 0, 0)).sum()
    if terms.margin is not None:
        mean = mean - (weights * terms.margin)[labels.where(labels != loss.ignore_index, 0)]
    return mean


def _gathered_spread(loss: AdjustedCrossEntropy, kernels: Kernels, spread: Tensor) -> Tensor:
    """The gradient of sum_pixels spread * :func:`_mean_log_probability` but for log-sum-exp, (N, K, h, w)."""
    (h, _), (w, _) = kernels.axes
    rows, columns = (tiles(*axis, kernels.align_corners, axis[1], spread) for axis in kernels.axes)
    low = gathered(gathered(spread, columns, w).transpose(1, 2), rows, h).transpose(1, 2)  # (N, h, w)
    weights = loss.spread_weights(kernels.logits)
    scale = loss.adjustment.scale
    return low.unsqueeze(1) * per_class(weights if scale is None else weights * scale, kernels.logits)
