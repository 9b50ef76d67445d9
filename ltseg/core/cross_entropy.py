"""The adjusted cross entropy of each sample, for class indices and for soft labels."""

from dataclasses import replace

import torch
from torch import Tensor
from torch.nn import functional as F

from ltseg.core.adjustment import Adjustment
from ltseg.core.chunked_cross_entropy import chunked_cross_entropy
from ltseg.core.errors import InvalidValueError
from ltseg.core.layout import per_class

__all__ = ['adjusted_cross_entropy', 'adjusted_logits', 'check_soft_labels', 'complement']


def adjusted_logits(logits: Tensor, labels: Tensor, adjustment: Adjustment) -> Tensor:
    """z' of :class:`Adjustment`, (N, K, *), for class indices in [0, K) of shape (N, *)."""
    if adjustment.scale is not None:
        logits = logits * per_class(adjustment.scale, logits)
    if adjustment.bias is not None:
        logits = logits + per_class(adjustment.bias, logits)
    if adjustment.margin is not None:
        logits = logits.scatter_add(1, labels.unsqueeze(1), -adjustment.margin[labels].unsqueeze(1))
    return logits


def adjusted_cross_entropy(
    logits: Tensor, labels: Tensor, adjustment: Adjustment, focusing: float = 0.0, ignore_index: int = -100
) -> tuple[Tensor, Tensor | None]:
    """The loss of each sample under an adjustment::

        loss = sum_j  q_j * weight_j * (1 - p_j)^focusing * (-log p_j),    p = softmax(z')

    with z' and q of :class:`Adjustment`. Terms whose q_j is 0 count as 0, also where p_j is 0.

    Args:
        logits: z, (N, K, *), in the precision in which to compute.
        labels: Class indices (N, *) int64, or probabilities of the shape of ``logits``.
        adjustment: Terms on the device and in the precision of ``logits``.
        focusing: Exponent of the focal factor (Lin et al., Focal Loss for Dense Object Detection, ICCV 2017, eq. 4),
            in its softmax form; p is that of z', before class weights.
        ignore_index: Label of the samples to leave out; their loss is 0 and sends no gradient.

    Returns:
        The loss of each sample (N, *), and the class weight of each sample (N, *), which is None without class
        weights and 0 for ignored samples.

    Raises:
        ValueError: If soft labels meet a margin or a smoothing, for which no formula exists.
    """
    if labels.is_floating_point():
        return _soft_cross_entropy(logits, labels, adjustment, focusing)
    ignored = labels == ignore_index
    by_label = (adjustment.margin, adjustment.weight, adjustment.smoothing)
    indices = labels if all(term is None for term in by_label) else labels.masked_fill(ignored, 0)
    weight = None if adjustment.weight is None else adjustment.weight[indices].masked_fill(ignored, 0)
    if adjustment.smoothing is not None:
        log_probability = F.log_softmax(adjusted_logits(logits, indices, adjustment), dim=1)
        losses = F.nll_loss(log_probability, labels, reduction='none', ignore_index=ignore_index)
    else:
        unbiased = adjusted_logits(logits, indices, replace(adjustment, bias=None))
        losses = chunked_cross_entropy(unbiased, labels, adjustment.bias, ignore_index)
    if focusing:
        losses = losses * _focal_factor(-losses, focusing)
    if weight is not None:
        losses = losses * weight
    if adjustment.smoothing is not None:
        spread = adjustment.smoothing[indices].masked_fill(ignored, 0)
        losses = (1 - spread) * losses + spread * _mean_over_classes(log_probability, adjustment, focusing)
    return losses, weight


def check_soft_labels(where: str, adjustment: Adjustment) -> None:
    """Raises ValueError if the adjustment has a margin or a smoothing, for which soft labels have no formula."""
    if adjustment.margin is not None or adjustment.smoothing is not None:
        what = 'a margin' if adjustment.margin is not None else 'label smoothing'
        hint = 'Train without mixed labels, or with a loss that has a formula for them.'
        raise InvalidValueError(where, f'class indices for {what}', 'soft labels', hint)


def complement(log_probability: Tensor) -> Tensor:
    """1 - p from log p, above 0: at p = 1 the derivative of (1 - p)^focusing is infinite for a focusing below 1."""
    return (-torch.expm1(log_probability)).clamp(min=torch.finfo(log_probability.dtype).tiny)


def _focal_factor(log_probability: Tensor, focusing: float) -> Tensor:
    return complement(log_probability) ** focusing


def _mean_over_classes(log_probability: Tensor, adjustment: Adjustment, focusing: float) -> Tensor:
    """1 / K sum_j weight_j * loss_j, (N, *), from log p (N, K, *)."""
    if adjustment.bias is not None:
        # Before anything is multiplied with it: 0 * inf is nan, in the value and in the gradient.
        log_probability = log_probability.masked_fill(per_class(adjustment.bias == -torch.inf, log_probability), 0)
    of_all = -log_probability if not focusing else -log_probability * _focal_factor(log_probability, focusing)
    if adjustment.weight is not None:
        of_all = of_all * per_class(adjustment.weight, log_probability)
    return of_all.mean(1)


def _soft_cross_entropy(
    logits: Tensor, labels: Tensor, adjustment: Adjustment, focusing: float
) -> tuple[Tensor, Tensor | None]:
    check_soft_labels('adjusted_cross_entropy', adjustment)
    labels = labels.to(logits)
    logits = adjusted_logits(logits, labels, adjustment)
    if adjustment.bias is not None:
        # A class outside the softmax cannot be a target: its share goes to the classes that are there.
        labels = labels * per_class(adjustment.bias > -torch.inf, logits)
        labels = labels / labels.sum(1, keepdim=True).clamp(min=torch.finfo(labels.dtype).tiny)
    log_probability = F.log_softmax(logits, dim=1).masked_fill(labels == 0, 0)  # 0 * inf is nan, also in gradients
    terms = -log_probability if not focusing else -log_probability * _focal_factor(log_probability, focusing)
    weight = None
    if adjustment.weight is not None:
        weighted = labels * per_class(adjustment.weight, logits)
        weight, labels = weighted.sum(1), weighted
    return (terms * labels).sum(1), weight
