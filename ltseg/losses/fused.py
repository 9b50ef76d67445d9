"""Losses of the adjusted cross-entropy family on logits of lower resolution than the labels."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ltseg.core.errors import InvalidValueError
from ltseg.core.fused_upsampling import upsampled_losses
from ltseg.core.layout import at_least_float32
from ltseg.core.reduction import reduce_losses
from ltseg.counts.label_counts import explaining_label_errors
from ltseg.losses.long_tail_loss import LongTailLoss

__all__ = ['can_be_fused', 'fused_losses']


def can_be_fused(losses: Sequence[nn.Module]) -> bool:
    """Whether all ``losses`` are of the family and give one number each."""
    return all(isinstance(loss, LongTailLoss) and loss.reduction != 'none' for loss in losses)


def fused_losses(
    losses: Sequence[LongTailLoss],
    logits: Tensor,
    labels: Tensor,
    ignore_index: int = -100,
    align_corners: bool = False,
    band_rows: int | None = None,
) -> tuple[list[Tensor], Tensor]:
    """What each loss gives for the upsampled logits, and the accuracy, by :func:`upsampled_losses`.

    Args:
        losses: Losses for which :func:`can_be_fused` holds.
        logits: (N, K, h, w).
        labels: Class indices (N, H, W).
        ignore_index: Label that is left out.
        align_corners: Of the bilinear interpolation.
        band_rows: As in :func:`upsampled_losses`.

    Returns:
        A scalar for each loss, and the share of valid pixels whose label has the largest logit in percent, (1,).

    Raises:
        ValueError: If the shapes do not fit.
    """
    if logits.ndim != 4 or labels.ndim != 3 or len(logits) != len(labels) or logits.shape[1] < 2:
        got = f'{tuple(logits.shape)} and {tuple(labels.shape)}'
        hint = 'For two classes, set out_channels=2 in the head.'
        raise InvalidValueError(type(losses[0]).__name__, 'logits (N, K, h, w), K > 1, and labels (N, H, W)', got, hint)
    labels = labels.long()
    with torch.autocast(logits.device.type, enabled=False):
        exact = at_least_float32(logits.detach())
        on_parts = [loss.on_parts(exact, labels, ignore_index) for loss in losses]
        with explaining_label_errors(labels, logits.shape[1], ignore_index):
            sums = upsampled_losses(logits, labels, on_parts, align_corners, ignore_index, band_rows)
        valid = (labels != ignore_index).sum()
        values = [
            reduce_losses(value, valid, weights, None, loss.average, None, loss.reduction, loss.sync) * loss.factor()
            for loss, value, weights in zip(losses, sums.losses, sums.class_weights, strict=True)
        ]
    return values, (100 * sums.correct / valid.clamp(min=1)).reshape(1)
