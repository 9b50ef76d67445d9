"""How well the scores of each class rank its pixels above those of the others: sums over pixels instead of pairs."""

from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor

from ltseg.core.adjustment import Adjustment
from ltseg.core.layout import per_class, sums_of_images
from ltseg.core.regions import valid_logits

__all__ = ['AdjustedRanking', 'RankingSums', 'ranking_losses']


class RankingSums(NamedTuple):
    """Mean errors of the score s of each class k in each region, (R, K) each::

        own     = E_k (1 - s)                               E_j: the mean over pixels of class j
        others  = mean_(j != k) E_j s                       over the classes that are present
        squares = E_k (1 - s)^2 + mean_(j != k) E_j s^2

    Of soft labels y, E_j is the mean weighted by y_j.

    Example:
        >>> import torch
        >>> from ltseg.core.ranking import RankingSums, ranking_losses
        >>> sums = RankingSums(*torch.tensor([[[0.25]], [[0.5]], [[0.0625 + 0.25]]]))  # a pixel of each of two classes
        >>> losses, _ = ranking_losses(sums, torch.ones(1, 1))
        >>> losses.item() == (0.25 + 0.5) ** 2
        True
    """

    own: Tensor
    others: Tensor
    squares: Tensor


@dataclass(frozen=True, eq=False)
class AdjustedRanking:
    """The sums of a ranking as a function of logits and labels that knows its gradient::

        dL / dz_k = -scale_k v (g_own + 2 e g_squares) e (1 - e)                  where a pixel has class k
        dL / dz_k = scale_k v / (C - 1) (g_others + 2 e g_squares) e (1 - e)      elsewhere

    with g = dL / dS the gradients by the sums, s = sigmoid(z') under the adjustment, v = u / n_y, and C the number of
    classes that are present; e is the error 1 - s or s that counts there.

    Args:
        adjustment: Terms on the device and in the precision of the logits. Weight and smoothing are not used.
        pixels: n, the pixels of each class in all of a region, or the sum of its shares in soft labels, (R, K). With
            R = 1 all images are one region, of which the function takes any part.
        ignore_index: Label of the pixels to leave out.

    Example:
        >>> import torch
        >>> from ltseg.core.adjustment import Adjustment
        >>> from ltseg.core.ranking import AdjustedRanking, RankingSums
        >>> ranking = AdjustedRanking(Adjustment(), torch.tensor([[1, 4]]))
        >>> logits, labels = torch.zeros(1, 2), torch.tensor([1])
        >>> [each.tolist() for each in ranking(logits, labels)]  # one of the four pixels of class 1
        [[[0.0, 0.125]], [[0.125, 0.0]], [[0.0625, 0.0625]]]
        >>> of_errors = RankingSums(torch.ones(1, 2), torch.ones(1, 2), torch.zeros(1, 2))
        >>> ranking.gradient(logits, labels, of_errors).tolist()
        [[0.0625, -0.0625]]
    """

    adjustment: Adjustment
    pixels: Tensor
    ignore_index: int = -100
    kind: ClassVar[type] = RankingSums

    def __call__(self, logits: Tensor, labels: Tensor, weight: Tensor | None = None) -> RankingSums:
        """What these pixels add to the sums of each image, with a graph.

        Args:
            logits: (N, K, *).
            labels: Class indices (N, *), or probabilities (N, K, *).
            weight: u, the factor of each pixel, broadcast to (N, *).
        """
        if labels.is_floating_point():
            return self._of_shares(logits, labels, weight)
        errors, shares, own, kept = self._errors(logits, labels)
        kept = kept.to(errors) if weight is None else kept * weight.to(errors)
        weighted = errors * shares * kept.unsqueeze(1)
        of_own, of_others = sums_of_images(weighted.where(own, 0.0)), sums_of_images(weighted.masked_fill(own, 0))
        return RankingSums(of_own, of_others, sums_of_images(weighted * errors))

    def gradient(self, logits: Tensor, labels: Tensor, received: RankingSums) -> Tensor:
        """What reaches the logits of the gradient ``received`` by the sums, (N, K, *), for class indices (N, *)."""
        errors, shares, own, kept = self._errors(logits, labels)
        of_own, of_others, of_squares = (each.view(*each.shape, *[1] * (logits.ndim - 2)) for each in received)
        slope = torch.where(own, of_own, of_others) + 2 * errors * of_squares
        gradient = slope.where(~own, -slope) * shares * errors * (1 - errors) * kept.unsqueeze(1)
        return gradient if self.adjustment.scale is None else gradient * per_class(self.adjustment.scale, logits)

    def _of_shares(self, logits: Tensor, labels: Tensor, weight: Tensor | None) -> RankingSums:
        adjusted, _, labels = valid_logits(logits, labels, self.adjustment, self.ignore_index)
        of_class, rivals = (each.view(*each.shape, *[1] * (logits.ndim - 2)) for each in self._of_region(adjusted))
        own = labels.to(adjusted) * of_class  # v_k of each class
        own = own if weight is None else own * weight.to(own).unsqueeze(1)
        others = (own.sum(1, keepdim=True) - own) / rivals
        of_own, of_others = own * (-adjusted).sigmoid(), others * adjusted.sigmoid()
        squares = of_own * (-adjusted).sigmoid() + of_others * adjusted.sigmoid()
        return RankingSums(sums_of_images(of_own), sums_of_images(of_others), sums_of_images(squares))

    def _of_region(self, logits: Tensor) -> tuple[Tensor, Tensor]:
        """1 / n, (R, K), and C - 1, (R, 1)."""
        present = self.pixels > 0
        return 1 / self.pixels.where(present, 1).to(logits), (present.sum(1, keepdim=True) - 1).clamp(min=1)

    def _errors(self, logits: Tensor, labels: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """e; what it counts, v or v / (C - 1); whether a pixel has the class, (N, K, *); and which pixels count."""
        adjusted, kept, labels = valid_logits(logits, labels, self.adjustment, self.ignore_index)
        own = torch.zeros_like(adjusted, dtype=torch.bool).scatter_(1, labels.unsqueeze(1), True)
        errors = adjusted.where(~own, -adjusted).sigmoid()
        of_class, rivals = self._of_region(adjusted)
        of_pixel = of_class.expand(len(labels), -1).gather(1, labels.unsqueeze(-1).flatten(1)).view_as(labels)
        of_pixel = of_pixel.unsqueeze(1)
        return errors, torch.where(own, of_pixel, of_pixel / rivals.view(-1, *[1] * (logits.ndim - 1))), own, kept


def ranking_losses(sums: RankingSums, pixels: Tensor) -> tuple[Tensor, Tensor]:
    """The loss of each region and class, and whether it has pairs::

        loss = squares + 2 own others  =  mean_(j != k) mean over pairs x of k, x' of j of (1 - (s_k(x) - s_k(x')))^2

    since 1 - (s_k(x) - s_k(x')) is the sum of the two errors. It is 0 where every pair is in order by 1, 1 where all
    scores are equal, and at least the share of pairs that are not in order, which is 1 - AUC. Under soft labels y, a
    pair weighs y_k(x) y_j(x').

    Args:
        sums: Of all pixels of each region, (R, K) each.
        pixels: Of each class in each region, (R, K).

    Returns:
        (R, K), which means nothing for classes without pairs; and (R, K) bool.
    """
    present = pixels > 0
    return sums.squares + 2 * sums.own * sums.others, present & (present.sum(1, keepdim=True) > 1)
