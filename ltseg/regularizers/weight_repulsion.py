"""Logit weight repulsion."""

from typing import Any

import torch
from torch import Tensor

from ltseg.core.checks import check_range
from ltseg.core.features import FeatureBatch
from ltseg.core.geometry import directions
from ltseg.registry import MODELS
from ltseg.regularizers.regularizer import Regularizer

__all__ = ['WeightRepulsion']


@MODELS.register_module()
class WeightRepulsion(Regularizer):
    """Repulsion of classifier vectors whose cosine is above a threshold::

        R = sum_i (log sum_j exp([c_ij > threshold] c_ij) - 1),    c_ij = w_i . w_j / (|w_i| |w_j|)

    The gradient is orthogonal to each vector: it turns them and leaves their norms alone. Without threshold the
    minimum K (log(e + (K - 1) exp(-1 / (K - 1))) - 1) is a simplex; with a threshold of 0 or more it is
    K (log(e + K - 1) - 1), where no cosine exceeds the threshold.

    Args:
        threshold: Of the cosines; a pair below it adds the constant exp(0). -1 is no threshold, 1 is no regularizer.
        **options: As for :class:`ltseg.regularizers.regularizer.Regularizer`. The schedule is ``shape='parabolic'``,
            that is (1 - t/T)^2, by default; ``schedule=None`` keeps the weight.

    Source:
        Logit Weight Repulsion (poster), R_LWR with threshold 0.4 and the weight (1 - t/T)^2. Its numerator has the
        index j for i, and the diagonal is no part of the threshold here, since cosines of 1 round to either side of
        it. t is in iterations, which the poster leaves open. It does not say what "w/ proj" projects; the gradient that
        it prints is the tangential one of this term. On a dense head it acts on the last 1x1 convolution; that is our
        extension.

    Example:
        >>> import torch
        >>> from ltseg.core.features import FeatureBatch
        >>> from ltseg.regularizers import WeightRepulsion
        >>> term, none = WeightRepulsion(schedule=None), torch.zeros(0, 1, 2)
        >>> for vectors in ([[1.0, 0.0], [0.0, 1.0]], [[1.0, 0.0], [2.0, 0.0]]):  # a right angle; one direction
        ...     batch = FeatureBatch(none, torch.zeros(0).long(), 2, torch.tensor(vectors))
        ...     print(round(term(batch).item(), 4))  # 2 (log(e + 1) - 1), 2 log 2
        0.6265
        1.3863
    """

    short_name = 'LWR'

    def __init__(self, threshold: float = 0.4, **options: Any) -> None:
        defaults = {'loss_name': 'loss_weight_repulsion', 'schedule': dict(shape='parabolic')}
        super().__init__(**{**defaults, **options})
        check_range('WeightRepulsion.threshold', threshold, -1, 1)
        self.threshold = threshold

    def value(self, batch: FeatureBatch) -> Tensor:
        vectors = directions(batch.class_vectors)
        cosines = (vectors @ vectors.T).clamp(max=1)
        if self.threshold > -1:
            cosines = torch.where(cosines > self.threshold, cosines, 0.0)
        same = torch.eye(len(cosines), dtype=torch.bool, device=cosines.device)
        # The diagonal is 1 whatever the weights are: no gradient and no rounding.
        return (cosines.masked_fill(same, 1.0).logsumexp(dim=1) - 1).sum()
