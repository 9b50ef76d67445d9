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
from ltseg.core.interpolation import gathered, interpolated, tiles
from ltseg.core.layout import per_class
from ltseg.core.right_samples import count_right
from ltseg.core.triton_maps import MOST_PIXELS, Kernels, Terms, pixels_of_cells

__all__ = ['number_of_maps', 'obstacle_to_triton', 'triton_gradient', 'triton_losses']


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
    by_class: bool = False,
) -> tuple[Tensor, Tensor, Tensor, list[Tensor]]:
    """The sums of :class:`ltseg.core.fused_upsampling.UpsampledLosses`, and the maps for :func:`triton_gradient`.

    For what :func:`obstacle_to_triton` lets through. A label that is no class and not ignored makes its loss nan.
    """
    labels = labels.contiguous()
    losses, class_weights = torch.zeros(2, len(sample_losses), dtype=torch.float64, device=logits.device)
    slopes: list[Any] = [None] * len(sample_losses)
    log_sums = []
    with torch.cuda.device_of(logits):  # which is where Triton launches
        kernels = Kernels(logits.contiguous(), labels, align_corners, ignore_index)
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
        correct = count_right(maps.correct.bool(), labels, ignore_index, logits.shape[1] if by_class else None)
        return losses.float(), class_weights, correct, [*log_sums, *slopes]


def triton_gradient(
    received: Tensor,
    maps: Sequence[Tensor],
    logits: Tensor,
    labels: Tensor,
    sample_losses: Sequence[Any],
    align_corners: bool,
    ignore_index: int,
) -> Tensor:
    """The gradient of ``(received * losses).sum()`` in the logits, in float32."""
    groups = _groups(sample_losses)
    result: Any = 0
    with torch.cuda.device_of(logits):
        kernels = Kernels(logits.contiguous(), labels.contiguous(), align_corners, ignore_index)
        for log_sum, group in zip(maps, groups, strict=False):
            terms = Terms.of(sample_losses[group[0]], logits)
            slope: Any = sum(received[index] * maps[len(groups) + index] for index in group)
            all_slopes = slope
            for index in group:
                loss = sample_losses[index]
                if loss.adjustment.smoothing is not None:
                    spread = received[index] * loss.spread(labels)
                    all_slopes = all_slopes - spread * loss.spread_weights(logits).sum()
                    result = result - _gathered_spread(loss, kernels, spread)
            result = result + kernels.gradient(terms, log_sum, slope, all_slopes)
    return result


def number_of_maps(sample_losses: Sequence[Any]) -> int:
    """How many maps the backward pass needs, each of the labels' shape and in float32."""
    return len(_groups(sample_losses)) + len(sample_losses)


def _groups(sample_losses: Sequence[AdjustedCrossEntropy]) -> list[list[int]]:
    """Losses that share the softmax, and so the passes: those of the same terms, such as none."""
    groups: dict[tuple, list[int]] = {}
    for index, loss in enumerate(sample_losses):
        terms = loss.adjustment
        groups.setdefault((id(terms.scale), id(terms.bias), id(terms.margin)), []).append(index)
    return list(groups.values())


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
