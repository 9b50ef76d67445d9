"""AUC as a loss: the pixels of each class before those of every other class, in the order of its scores."""

from typing import Any

import torch
from torch import Tensor

from ltseg.core.cross_entropy import check_soft_labels
from ltseg.core.layout import sums_of_images
from ltseg.core.ranking import AdjustedRanking, RankingSums, ranking_losses
from ltseg.core.reduction import all_reduced_sum
from ltseg.counts.label_counts import count_labels
from ltseg.losses.class_sums import ClassSumsLoss
from ltseg.registry import MODELS

__all__ = ['PairwiseRankingLoss']


@MODELS.register_module()
class PairwiseRankingLoss(ClassSumsLoss):
    """The square surrogate of 1 - AUC, over all pairs of a pixel of one class and a pixel of another::

        loss = mean_k w_k mean_(j != k) mean over x of class k and x' of class j of (1 - (s_k(x) - s_k(x')))^2
        s = sigmoid(z')

    with the biases, margins and scales of rules in z', and their weight w
    (:class:`ltseg.core.adjustment.Adjustment`). k and j are the classes present. The mean over pairs follows from class
    means of scores and of their squares (:mod:`ltseg.core.ranking`), so that no pair is formed. Under soft labels y,
    they are weighted means, and a pair weighs y_k(x) y_j(x'); a class is present if it has any share.

    Every class weighs the same, as positives and as negatives, however few pixels it has. The loss is 0 where every
    score is 1 or 0 as it should be, 1 where all scores are equal, and at least 1 - AUC. It ranks the pixels of one
    class's score, and says nothing of which class a pixel has: it goes with a cross entropy.

    The one reduction is 'mean', and ``avg_factor`` does not count. A sample weight is that of the pixel in the means.
    Heads compute it without upsampled logits if ``per='batch'``.

    Args:
        **options: As for :class:`ltseg.losses.class_mean.ClassMeanLoss`. A region with one class has no pairs, and
            does not count.

    Raises:
        ValueError: If a reduction is not 'mean', or rules smooth labels, or have margins for soft ones.

    Source:
        Han et al., AUCSeg: AUC-oriented Pixel-level Long-tail Semantic Segmentation, NeurIPS 2024, with the sigmoid of
        its released code. That code gives half of this: its weight of 1 is a ``loss_weight`` of 0.5. Its memory
        bank is ``ltseg.RareClassPaste``. Rules, soft labels and means over the pixels of all processes are ours.

    Example:
        >>> import torch
        >>> from ltseg.losses import PairwiseRankingLoss
        >>> scores, labels = torch.tensor([[0.75, 0.5], [0.25, 0.5], [0.5, 0.5]]), torch.tensor([0, 1, 1])
        >>> loss = PairwiseRankingLoss()(scores.logit(), labels)  # class 0: 0.5^2 and 0.75^2; class 1: 1 and 1
        >>> round(loss.item(), 6)  # (0.40625 + 1) / 2
        0.703125
    """

    short_name = 'pairwise ranking'

    def __init__(self, **options: Any) -> None:
        super().__init__(**{'loss_name': 'loss_ranking', **options})

    def prepare_regions(
        self, logits: Tensor, labels: Tensor, ignore_index: int, weight: Tensor | None = None
    ) -> AdjustedRanking:
        adjustment = self.adjustment(logits, labels, ignore_index)
        if labels.is_floating_point():
            check_soft_labels(type(self).__name__, adjustment)
        return AdjustedRanking(adjustment, self._pixels(logits, labels, ignore_index, weight), ignore_index)

    def of_classes(self, sums: RankingSums, regions: AdjustedRanking) -> tuple[Tensor, Tensor]:
        return ranking_losses(sums, regions.pixels)

    @property
    def can_be_fused(self) -> bool:
        return self.per == 'batch' and super().can_be_fused

    def _pixels(self, logits: Tensor, labels: Tensor, ignore_index: int, weight: Tensor | None) -> Tensor:
        """Of each class, by their weight, in each image or in the batch, (R, K)."""
        soft = labels.is_floating_point()
        if weight is None and self.per == 'batch' and not soft:
            pixels = count_labels(labels, logits.shape[1], ignore_index)[:1]
        else:
            shares = labels.to(logits) if soft else _one_hot(logits, labels, ignore_index)
            pixels = sums_of_images(shares if weight is None else shares * weight.to(shares).unsqueeze(1))
            pixels = pixels.sum(0, keepdim=True) if self.per == 'batch' else pixels
        return all_reduced_sum(pixels) if self.sync and self.per == 'batch' else pixels


def _one_hot(logits: Tensor, labels: Tensor, ignore_index: int) -> Tensor:
    """(N, K, *), 0 where a pixel is ignored."""
    kept = (labels != ignore_index).unsqueeze(1)
    return torch.zeros_like(logits).scatter_(1, labels.unsqueeze(1).where(kept, 0), kept.to(logits))
