"""Losses of a segmentation head without upsampled logits: those of single pixels, and those of sums over regions."""

from collections.abc import Sequence

import torch
from torch import Tensor

from ltseg.core.errors import InvalidValueError
from ltseg.core.fused_passes import Path
from ltseg.core.fused_regions import upsampled_regions
from ltseg.core.fused_upsampling import upsampled_losses
from ltseg.core.layout import at_least_float32
from ltseg.core.reduction import reduce_losses, with_the_sum_of
from ltseg.counts.label_counts import explaining_label_errors
from ltseg.losses.class_sums import ClassSumsLoss
from ltseg.losses.logits_loss import TWO_CLASSES, LogitsLoss

__all__ = ['fused_losses']


def fused_losses(
    losses: Sequence[LogitsLoss],
    logits: Tensor,
    labels: Tensor,
    ignore_index: int = -100,
    align_corners: bool = False,
    band_rows: int | None = None,
    path: Path = 'auto',
) -> tuple[list[Tensor], Tensor]:
    """What each loss gives for logits that are upsampled to the labels, without the upsampled logits.

    Args:
        losses: Losses for which ``can_be_fused`` holds.
        logits: (N, K, h, w).
        labels: Class indices (N, H, W).
        ignore_index: Label that is left out.
        align_corners: Of the bilinear interpolation.
        band_rows, path: As in :func:`ltseg.core.fused_upsampling.upsampled_losses`. Losses on regions are computed in
            bands.

    Returns:
        A scalar for each loss, and the share of valid pixels whose label has the largest logit in percent, (1,).

    Raises:
        ValueError: If the shapes do not fit, or ``path`` is 'triton' where it cannot be.
    """
    if logits.ndim != 4 or labels.ndim != 3 or len(logits) != len(labels) or logits.shape[1] < 2:
        got = f'{tuple(logits.shape)} and {tuple(labels.shape)}'
        expected, where = 'logits (N, K, h, w), K > 1, and labels (N, H, W)', type(losses[0]).__name__
        raise InvalidValueError(where, expected, got, TWO_CLASSES)
    labels = labels.long()
    of_regions = [loss for loss in losses if isinstance(loss, ClassSumsLoss)]
    of_samples = [loss for loss in losses if not isinstance(loss, ClassSumsLoss)]
    if of_regions:
        path = _without_kernels(path, of_regions[0], alone=not of_samples)
    with (
        torch.autocast(logits.device.type, enabled=False),
        explaining_label_errors(labels, logits.shape[1], ignore_index),
    ):
        exact = at_least_float32(logits.detach())
        prepared = [loss.prepare(exact, labels, ignore_index) for loss in of_samples]
        recalls = [loss.advancing_recall for loss in losses if loss.advancing_recall is not None]
        options = align_corners, ignore_index, band_rows, path, bool(recalls)
        kept = [loss.kept_losses(each) for loss, each in zip(of_samples, prepared, strict=True)]
        sums = upsampled_losses(logits, labels, [*prepared, *(each for each in kept if each is not None)], *options)
        number = len(prepared)
        kept_sums = iter(sums.losses[number:])
        regions = [loss.prepare_regions(exact, labels, ignore_index) for loss in of_regions]
        region_sums = upsampled_regions(logits, labels, regions, align_corners, band_rows) if regions else []
        valid = (labels != ignore_index).sum()
        values = {}
        summed = sums.losses[:number], sums.class_weights[:number]
        for loss, keeps, value, weights in zip(of_samples, kept, *summed, strict=True):
            value = value if keeps is None else with_the_sum_of(next(kept_sums), value, sync=loss.sync)
            values[loss] = reduce_losses(value, valid, weights, None, loss.average, None, loss.reduction, loss.sync)
        for loss, region, found in zip(of_regions, regions, region_sums, strict=True):
            values[loss] = loss.of_sums(found, region)
        scaled = [values[loss] * loss.factor() for loss in losses]
        for recall in recalls:
            recall.observe(sums.correct)
        correct = sums.correct[0].sum() if recalls else sums.correct
    return scaled, (100 * correct / valid.clamp(min=1)).reshape(1)


def _without_kernels(path: Path, loss: LogitsLoss, alone: bool) -> Path:
    """The path of the losses beside a loss on regions; with none beside, only correct pixels are counted."""
    if path == 'triton':
        expected = "adjusted cross entropies for fused='triton'"
        raise InvalidValueError(type(loss).__name__, expected, 'a loss on regions', 'Set fused=True.')
    return 'bands' if alone else path
