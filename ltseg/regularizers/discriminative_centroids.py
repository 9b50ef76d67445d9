"""The loss of OLTR that draws features to the centre of their class and away from the others."""

from typing import Any

import torch
from torch import Tensor, nn

from ltseg.core.checks import check_range
from ltseg.core.collectives import summed
from ltseg.core.features import FeatureBatch
from ltseg.core.geometry import class_means, exact_distances
from ltseg.registry import MODELS
from ltseg.regularizers.centers import MovingCenters
from ltseg.regularizers.regularizer import Regularizer, not_built

__all__ = ['DiscriminativeCentroidsLoss']


@MODELS.register_module()
class DiscriminativeCentroidsLoss(Regularizer):
    """Features near the centre of their class, and on average not too near those of other classes::

        L = 1/2 mean_i |h_i - c_yi|^2 + repulsion max(0, margin - 1/(N K) sum_i sum_{k != y_i} |h_i - c_k|^2)

    The centres c are moving averages of the class means, without gradient: of a class that was not seen before, the
    mean of the batch. They are the memory of ``ltseg.MetaEmbeddingClassifier`` where the head has one, which follows
    the features so. K counts the classes that have a centre.

    Args:
        repulsion: Weight of the second term, at least 0.
        margin: Of the mean squared distance, at least 0.
        momentum: Of the moving averages.
        **options: As for :class:`ltseg.regularizers.regularizer.Regularizer`.

    Source:
        Liu et al., Large-Scale Long-Tailed Recognition in an Open World, CVPR 2019, L_LM, as in released code, with
        loss_weight = 0.01, repulsion = 0.01 and margin = 10. In the paper, one margin is for both terms of a sample
        (eq. 9), and the distances are those of the embedding, not of the feature (eq. 7). In released code the centres
        learn by SGD with a rate of 0.01, a momentum of 0.9 and weight decay. Without the latter, and without the
        repulsion, which both weights make small there but neither does the attraction, these are moving averages,
        with a momentum of 0.9994 for four samples of each class in a batch of 128. The dense form is ours.

    Example:
        >>> import torch
        >>> from ltseg.core.features import FeatureBatch
        >>> from ltseg.regularizers import DiscriminativeCentroidsLoss, RegularizerGroup
        >>> term = DiscriminativeCentroidsLoss(repulsion=1.0)
        >>> group = RegularizerGroup([term], num_classes=2, feature_dim=1)
        >>> batch = FeatureBatch(torch.tensor([[[0.0]], [[2.0]], [[2.0]]]), torch.tensor([0, 0, 1]), num_classes=2)
        >>> group(batch)['loss_centroids'].item()  # centres 1 and 2: 1/2 (1 + 1 + 0) / 3 + 10 - (4 + 0 + 1) / (3 * 2)
        9.5
    """

    short_name = 'discriminative centroids'

    def __init__(
        self, repulsion: float = 0.01, margin: float = 10.0, *, momentum: float = 0.999, **options: Any
    ) -> None:
        super().__init__(**{'loss_name': 'loss_centroids', **options})
        for name, value in (('repulsion', repulsion), ('margin', margin)):
            check_range(f'DiscriminativeCentroidsLoss.{name}', value, 0)
        check_range('DiscriminativeCentroidsLoss.momentum', momentum, 0, 1)
        self.repulsion, self.margin, self.momentum = repulsion, margin, momentum
        self.centers: MovingCenters | None = None
        self._memory: tuple[MovingCenters, ...] = ()  # a tuple, because a module here would be saved twice

    def build(self, num_classes: int, feature_dim: int) -> None:
        self.centers = MovingCenters(num_classes, feature_dim, self.momentum)

    def attach(self, classifier: nn.Module) -> None:
        memory = getattr(classifier, 'memory', None)
        if isinstance(memory, MovingCenters):
            memory.momentum = self.momentum
            self.centers, self._memory = None, (memory,)

    @property
    def has_state(self) -> bool:
        return True  # also where the buffers are the classifier's

    @property
    def kept(self) -> MovingCenters:
        """The centres, which may be the classifier's."""
        for centers in (*self._memory, self.centers):
            if centers is not None:
                return centers
        raise not_built(self)

    def value(self, batch: FeatureBatch) -> Tensor:
        rows, labels = batch.rows
        means, counts = class_means(rows.detach(), labels, batch.num_classes, self.sync)
        seen, present = self.kept.seen, counts > 0
        centers = torch.where(seen[:, None], self.kept.vectors.to(means.dtype), means)
        known = seen | present
        self.kept.observe(means, present)
        squares = exact_distances(rows, centers).square()  # (N, K)
        own = labels[:, None] == torch.arange(batch.num_classes, device=labels.device)
        others = ~own & known & (labels >= 0)[:, None]
        sums = torch.stack([torch.where(chosen, squares, 0.0).sum() for chosen in (own, others)])
        near, far = (summed(sums) if self.sync else sums) / counts.sum().clamp(min=1)
        lacking = (self.margin - far / known.sum().clamp(min=1)).clamp(min=0)
        return near / 2 + self.repulsion * torch.where(present.any() & (known.sum() > 1), lacking, 0.0)

    def step(self) -> None:
        self.kept.step()
