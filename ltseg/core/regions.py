"""How far the regions of predicted probabilities and of labels agree, class by class."""

from typing import NamedTuple

import torch
from torch import Tensor

__all__ = ['RegionSums', 'tversky_losses']


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
        >>> sums = RegionSums.of(probability, torch.tensor([0, 1]), torch.ones(2)).total()
        >>> [each.tolist() for each in sums]  # of two pixels, the first of class 0
        [[[0.75, 0.5]], [[0.5, 0.25]], [[0.25, 0.5]]]
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
            positives = _of_pixels(torch.min(probability, labels.to(probability)) * weights)
            return cls(positives, _of_pixels(excess.relu()), _of_pixels((-excess).relu()))
        own = torch.zeros_like(probability, dtype=torch.bool).scatter_(1, labels.unsqueeze(1), True)
        predicted = probability * weights
        positives = _of_pixels(predicted.where(own, 0.0))
        negatives = _of_pixels(weights.where(own, 0.0)) - positives
        return cls(positives, _of_pixels(predicted.masked_fill(own, 0)), negatives)

    def total(self) -> 'RegionSums':
        """The sums of all images together, (1, K)."""
        return RegionSums(*(of_images.sum(0, keepdim=True) for of_images in self))

    @property
    def labelled(self) -> Tensor:
        """|y|, (R, K)."""
        return self.true_positives + self.false_negatives


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


def _of_pixels(values: Tensor) -> Tensor:
    """Sums over the pixels of each image, (N, K, *) -> (N, K)."""
    return values.unsqueeze(-1).flatten(2).sum(2)
