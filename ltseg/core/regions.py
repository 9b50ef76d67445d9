"""How far the regions of predicted probabilities and of labels agree, class by class."""

from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor

from ltseg.core.adjustment import Adjustment
from ltseg.core.cross_entropy import adjusted_logits
from ltseg.core.layout import per_class, sums_of_images

__all__ = ['AdjustedRegions', 'RegionSums', 'adjusted_probability', 'tversky_losses', 'valid_logits']


class RegionSums(NamedTuple):
    """Soft counts of each region (an image, or a batch) and class, (R, K) each::

        TP = sum_i u_i min(p_ik, y_ik)  =  (|p| + |y| - |p - y|) / 2
        FP = sum_i u_i max(p_ik - y_ik, 0)  =  |p| - TP
        FN = sum_i u_i max(y_ik - p_ik, 0)  =  |y| - TP

    Where p and y are 0 or 1, these are the counts of a confusion matrix.

    Source:
        Wang et al., Jaccard Metric Losses: Optimizing the Jaccard Index with Soft Labels, NeurIPS 2023. With the sum of
        p y for TP, as most code has it, soft labels do not have the best index at p = y.

    Example:
        >>> import torch
        >>> from ltseg.core.regions import RegionSums
        >>> probability = torch.tensor([[0.75, 0.25], [0.5, 0.5]])
        >>> sums = RegionSums.of(probability, torch.tensor([0, 1]), torch.ones(2))
        >>> [each.sum(0).tolist() for each in sums]  # of two pixels, the first of class 0
        [[0.75, 0.5], [0.5, 0.25], [0.25, 0.5]]
    """

    true_positives: Tensor
    false_positives: Tensor
    false_negatives: Tensor

    @classmethod
    def of(cls, probability: Tensor, labels: Tensor, weights: Tensor) -> 'RegionSums':
        """The sums of each image, with a graph.

        Args:
            probability: p, (N, K, *).
            labels: Class indices in [0, K) of shape (N, *), or y (N, K, *).
            weights: u, (N, *), 0 for what is left out.
        """
        weights = weights.unsqueeze(1)
        if labels.is_floating_point():
            excess = (probability - labels.to(probability)) * weights
            positives = sums_of_images(torch.min(probability, labels.to(probability)) * weights)
            return cls(positives, sums_of_images(excess.relu()), sums_of_images((-excess).relu()))
        own = torch.zeros_like(probability, dtype=torch.bool).scatter_(1, labels.unsqueeze(1), True)
        predicted = probability * weights
        positives = sums_of_images(predicted.where(own, 0.0))
        negatives = sums_of_images(weights.where(own, 0.0)) - positives
        return cls(positives, sums_of_images(predicted.masked_fill(own, 0)), negatives)

    @property
    def labelled(self) -> Tensor:
        """|y|, (R, K)."""
        return self.true_positives + self.false_negatives


@dataclass(frozen=True, eq=False)
class AdjustedRegions:
    """The sums of regions as a function of logits and labels that knows its gradient::

        dS / dz_k = scale_k u p_k (c_k - sum_j p_j c_j),    c_k = dS/dTP_k - dS/dFN_k if k = y, else dS/dFP_k

    with p = softmax(z') under the adjustment, and u = 0 where a pixel is ignored, whatever its logits.

    Args:
        adjustment: Terms on the device and in the precision of the logits. Weight and smoothing are not used.
        ignore_index: Label of the pixels to leave out.

    Example:
        >>> import torch
        >>> from ltseg.core.adjustment import Adjustment
        >>> from ltseg.core.regions import AdjustedRegions, RegionSums
        >>> regions, logits, labels = AdjustedRegions(Adjustment()), torch.zeros(1, 2), torch.tensor([0])
        >>> regions(logits, labels).true_positives.tolist()
        [[0.5, 0.0]]
        >>> of_true_positives = RegionSums(torch.ones(1, 2), torch.zeros(1, 2), torch.zeros(1, 2))
        >>> regions.gradient(logits, labels, of_true_positives).tolist()
        [[0.25, -0.25]]
    """

    adjustment: Adjustment
    ignore_index: int = -100
    kind: ClassVar[type] = RegionSums

    def __call__(self, logits: Tensor, labels: Tensor, weight: Tensor | None = None) -> RegionSums:
        """The sums of each image, with a graph.

        Args:
            logits: (N, K, *).
            labels: Class indices (N, *), or probabilities (N, K, *).
            weight: Factor of each pixel, broadcast to (N, *).
        """
        probability, kept, labels = adjusted_probability(logits, labels, self.adjustment, self.ignore_index)
        weights = kept.to(probability)
        return RegionSums.of(probability, labels, weights if weight is None else weights * weight.to(weights))

    def gradient(self, logits: Tensor, labels: Tensor, received: RegionSums) -> Tensor:
        """What reaches the logits of the gradient ``received`` by the sums, (N, K, *), for class indices (N, *)."""
        probability, kept, labels = adjusted_probability(logits, labels, self.adjustment, self.ignore_index)
        shape = *received.false_positives.shape, *[1] * (logits.ndim - 2)
        of_others = received.false_positives.view(shape)
        own = (received.true_positives - received.false_negatives - received.false_positives).view(shape)
        own = own.expand_as(probability).gather(1, labels.unsqueeze(1))
        own = probability.gather(1, labels.unsqueeze(1)) * own
        mean = (probability * of_others).sum(1, keepdim=True) + own
        gradient = (of_others - mean).mul_(probability).scatter_add_(1, labels.unsqueeze(1), own)
        gradient *= kept.unsqueeze(1)
        return gradient if self.adjustment.scale is None else gradient * per_class(self.adjustment.scale, logits)


def adjusted_probability(
    logits: Tensor, labels: Tensor, adjustment: Adjustment, ignore_index: int
) -> tuple[Tensor, Tensor, Tensor]:
    """p = softmax(z'), (N, K, *), and what else :func:`valid_logits` gives."""
    adjusted, kept, labels = valid_logits(logits, labels, adjustment, ignore_index)
    return adjusted.softmax(1), kept, labels


def valid_logits(
    logits: Tensor, labels: Tensor, adjustment: Adjustment, ignore_index: int
) -> tuple[Tensor, Tensor, Tensor]:
    """z', (N, K, *); which pixels count, (N, *); and labels whose ignored indices are a class.

    Where a pixel is ignored, z' and its gradient are 0 whatever the logits are.
    """
    soft = labels.is_floating_point()
    ignored = torch.zeros_like(labels[:, 0], dtype=torch.bool) if soft else labels == ignore_index
    labels = labels if soft else labels.masked_fill(ignored, 0)
    # Logits of ignored pixels may be anything, and where all are ignored, biases may be -inf: 0 * nan is nan.
    return adjusted_logits(logits, labels, adjustment).masked_fill(ignored.unsqueeze(1), 0), ~ignored, labels


def tversky_losses(
    sums: RegionSums, alpha: float, beta: float, smooth: float = 0.0, exponent: float = 1.0
) -> tuple[Tensor, Tensor]:
    """The loss of each region and class, and whether the class is present::

        loss = (1 - (TP + smooth) / (TP + alpha FP + beta FN + smooth))^exponent

    Args:
        sums: TP, FP and FN, (R, K) each.
        alpha, beta: Weights of false positives, at least 0, and of false negatives, above 0.
        smooth: Pixels that are added to both sides of the fraction.
        exponent: Above 0. Below 1 the slope is infinite where the loss is 0, and is cut off there.

    Returns:
        (R, K), which means nothing and has no gradient for absent classes; and (R, K) bool.
    """
    present = sums.labelled > 0
    missed = (alpha * sums.false_positives + beta * sums.false_negatives).where(present, 0.0)
    losses = missed / (sums.true_positives + missed + smooth).where(present, 1.0)
    if exponent != 1:
        losses = losses.clamp(min=torch.finfo(losses.dtype).tiny) ** exponent
    return losses, present
