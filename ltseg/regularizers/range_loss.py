"""Range loss."""

from typing import Any

import torch
from torch import Tensor

from ltseg.core.checks import check_integer, check_range
from ltseg.core.features import FeatureBatch
from ltseg.core.geometry import at_labels, class_means, class_sums, exact_distances
from ltseg.registry import MODELS
from ltseg.regularizers.contrastive_term import ContrastiveTerm

__all__ = ['RangeLoss']

LEAST_SQUARE = 1e-12  # of a distance; the square of its inverse has to be a float32


@MODELS.register_module()
class RangeLoss(ContrastiveTerm):
    """The largest distances within classes, and the smallest between two, whatever numbers of samples classes have::

        L = within sum_k H_k + between max(0, margin - min_{j != k} |mu_j - mu_k|^2)
        H_k = R / (1 / D_1 + ... + 1 / D_R)

    with D_1, ..., D_R the R largest squared distances of two samples of class k in a batch, of which H_k is the
    harmonic mean, or all where there are fewer, and mu_k the class means of the batch. A class has the same weight
    however many samples it has, and one with a single sample has no H_k.

    Args:
        ranges: R.
        margin: Of squared distances, at least 0.
        within: Weight of the first term, at least 0.
        between: Weight of the second term, at least 0.
        **options: As for :class:`ltseg.regularizers.contrastive_term.ContrastiveTerm`. By default there is no
            projection.

    Source:
        Zhang et al., Range Loss for Deep Face Recognition with Long-Tailed Training Data, ICCV 2017. Public
        implementations have R = 2. Margin and weights go with the lengths of the features, and their defaults are ours,
        as is the dense form.

    Example:
        >>> import torch
        >>> from ltseg.core.features import FeatureBatch
        >>> from ltseg.regularizers import RangeLoss
        >>> term = RangeLoss(margin=20.0, within=1.0, between=1.0)
        >>> rows = torch.tensor([[0.0], [1.0], [2.0], [4.0]])  # class 0: 4, 1, 1; means 1 and 4
        >>> batch = FeatureBatch(rows[:, None], torch.tensor([0, 0, 0, 1]), num_classes=2)
        >>> round(term(batch).item(), 4)  # 2 / (1/4 + 1/1) + 20 - 9
        12.6
    """

    short_name = 'range loss'

    def __init__(
        self, ranges: int = 2, margin: float = 100.0, within: float = 1.0, between: float = 1.0, **options: Any
    ) -> None:
        super().__init__(**{'loss_name': 'loss_range', 'hidden_channels': None, **options})
        check_integer('RangeLoss.ranges', ranges, 1)
        for name, value in (('margin', margin), ('within', within), ('between', between)):
            check_range(f'RangeLoss.{name}', value, 0)
        self.ranges, self.margin, self.within, self.between = ranges, margin, within, between

    def value(self, batch: FeatureBatch) -> Tensor:
        features, labels, _, valid = self.samples(batch)
        views = features.shape[1]
        if len(features) * views < max(self.least_rows, 2):
            return self.nothing(batch)
        rows = self.projected(features.flatten(0, 1), None if valid is None else valid.repeat_interleave(views))
        labels = labels.repeat_interleave(views)
        within = self._harmonic_means(rows, labels, batch.num_classes).sum()
        return self.within * within + self.between * self._missing_margin(rows, labels, batch.num_classes)

    def _harmonic_means(self, rows: Tensor, labels: Tensor, num_classes: int) -> Tensor:
        """H, (K,); 0 for classes without two samples."""
        first, second = torch.triu_indices(len(labels), len(labels), 1, device=labels.device)
        pairs = torch.where(labels[first] == labels[second], labels[first], -1)
        squares = exact_distances(rows, rows)[first, second].square()
        order = squares.detach().argsort(descending=True)
        ordered, by_class = pairs[order].sort(stable=True)
        order = order[by_class]  # by class, and in each from the largest
        rank = torch.arange(len(order), device=order.device) - torch.searchsorted(ordered, ordered)
        chosen = torch.where(rank < self.ranges, ordered, -1)
        inverse = 1 / squares[order].clamp(min=LEAST_SQUARE)
        sums, numbers = class_sums(torch.where(chosen >= 0, inverse, 0.0)[:, None], chosen, num_classes)
        return numbers / torch.where(numbers > 0, sums.squeeze(1), 1.0)

    def _missing_margin(self, rows: Tensor, labels: Tensor, num_classes: int) -> Tensor:
        """What the nearest two class means lack to the margin; 0 where there are no two."""
        means, _ = class_means(rows, labels, num_classes, sync=False)  # all processes have all samples
        own = at_labels(means, labels)
        apart = (labels[:, None] != labels) & (labels[:, None] >= 0) & (labels >= 0)
        squares = torch.where(apart, exact_distances(own, own).square(), self.margin)
        return (self.margin - squares).clamp(min=0).amax()
