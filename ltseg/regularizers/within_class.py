"""Compact classes: features are pulled to the centre of their class."""

from abc import abstractmethod
from typing import Any, Literal, get_args

import torch
from torch import Tensor

from ltseg.core.checks import check_choice
from ltseg.core.features import FeatureBatch
from ltseg.core.geometry import at_labels, class_means
from ltseg.core.reduction import world_size
from ltseg.registry import MODELS
from ltseg.regularizers.centers import Centers, LearnedCenters, MovingCenters
from ltseg.regularizers.regularizer import Regularizer, not_built

__all__ = ['CenterPull', 'WithinClassRegularizer']


class CenterPull(Regularizer):
    """Weighted squared distances of features from the centres of their classes: ``sum_i w_yi |h_i - c_yi|^2``.

    Args:
        centers: 'learnable' centres have a step of their own, 'ema' ones are moving averages of the class means, and
            'batch' ones are the class means of the batch.
        learning_rate: Of the learnable centres.
        momentum: Of the moving averages.
        **options: As for :class:`ltseg.regularizers.regularizer.Regularizer`.

    Example:
        >>> import torch
        >>> from ltseg.core.features import FeatureBatch
        >>> from ltseg.regularizers.within_class import CenterPull
        >>> class MeanPull(CenterPull):
        ...     def class_weights(self, counts):
        ...         return (1 / counts.sum()).expand(len(counts))
        ...     def center_rates(self, counts):
        ...         return counts / counts.sum()
        >>> batch = FeatureBatch(torch.tensor([[[1.0]], [[3.0]], [[9.0]]]), torch.tensor([0, 0, 1]), num_classes=2)
        >>> round(MeanPull('batch', loss_name='loss_pull')(batch).item(), 4)  # of the means 2 and 9: (1 + 1 + 0) / 3
        0.6667
    """

    def __init__(
        self, centers: Centers = 'learnable', *, learning_rate: float = 0.5, momentum: float = 0.9, **options: Any
    ) -> None:
        super().__init__(**options)
        check_choice(f'{type(self).__name__}.centers', centers, get_args(Centers))
        self.mode: Centers = centers
        self.learning_rate, self.momentum = learning_rate, momentum
        self.centers: LearnedCenters | MovingCenters | None = None

    @abstractmethod
    def class_weights(self, counts: Tensor) -> Tensor:
        """w (K,) for the counts (K,) of the batch of all processes."""

    @abstractmethod
    def center_rates(self, counts: Tensor) -> Tensor:
        """r (K,) in the gradient ``r_k (c_k - mu_k)`` of the learnable centres."""

    def build(self, num_classes: int, feature_dim: int) -> None:
        if self.mode == 'learnable':
            self.centers = LearnedCenters(num_classes, feature_dim, self.learning_rate)
        elif self.mode == 'ema':
            self.centers = MovingCenters(num_classes, feature_dim, self.momentum)

    def value(self, batch: FeatureBatch) -> Tensor:
        rows, labels = batch.rows
        # No gradient through the means: what it would add is the sum of h - mu over a class, which is 0.
        means, counts = class_means(rows.detach(), labels, batch.num_classes, self.sync)
        centers = self._centers(means, counts)
        weights = self.class_weights(counts) * (world_size() if self.sync else 1)
        return ((rows - at_labels(centers, labels)).square().sum(1) * at_labels(weights, labels)).sum()

    def _centers(self, means: Tensor, counts: Tensor) -> Tensor:
        """The centres for this batch (K, D), which the centres also learn from."""
        if self.mode == 'batch':
            return means
        if self.centers is None:
            raise not_built(self)
        vectors = self.centers.vectors.to(means.dtype, copy=True)  # the step comes before the backward pass
        if isinstance(self.centers, MovingCenters):
            self.centers.observe(means, counts > 0)
            return torch.where(self.centers.seen[:, None], vectors, means)
        self.centers.pull(self.center_rates(counts)[:, None] * (vectors - means))
        return vectors

    def step(self) -> None:
        if self.centers is not None:
            self.centers.step()


@MODELS.register_module()
class WithinClassRegularizer(CenterPull):
    """The within-class distance of neural collapse (NC1), in which all classes weigh the same::

        L_W = 1/K sum_k 1/n_k sum_{y_i = k} |h_i - c_k|^2

    with n_k of the batch; absent classes give 0. With centres of the batch it is the trace of the within-class
    covariances, averaged over classes.

    Args:
        centers: 'learnable' (released code), 'batch' (paper) or 'ema' (ours).
        over_classes: 'mean' as above (released code, with which the published weights go), or 'sum' without the 1/K
            (paper).
        **options: As for :class:`CenterPull`.

    Source:
        Liu et al., Inducing Neural Collapse in Deep Long-tailed Learning, AISTATS 2023, L_W. Published weights: 0.01
        on CIFAR, 0.05 on ImageNet-LT. In the released code the centres are parameters with their own SGD (rate 0.5,
        no momentum), whose gradient is divided by the weight of L_W; so are they here. Before its start epoch, that
        code still pulls features to centres at random places; here the schedule turns the whole term off, as the
        paper says. The dense form, with pixels as samples, is our extension.

    Example:
        >>> import torch
        >>> from ltseg.core.features import FeatureBatch
        >>> from ltseg.regularizers import WithinClassRegularizer
        >>> rows = torch.tensor([[1.0, 0.0], [3.0, 0.0], [0.0, 5.0]])  # class 0 has the mean (2, 0)
        >>> batch = FeatureBatch(rows[:, None], torch.tensor([0, 0, 1]), num_classes=2)
        >>> WithinClassRegularizer(centers='batch')(batch).item()  # 1/2 ((1 + 1) / 2 + 0): one vote for each class
        0.5
    """

    short_name = 'NCR within'

    def __init__(
        self, centers: Centers = 'learnable', over_classes: Literal['mean', 'sum'] = 'mean', **options: Any
    ) -> None:
        super().__init__(centers, **{'loss_name': 'loss_within_class', **options})
        check_choice('WithinClassRegularizer.over_classes', over_classes, ('mean', 'sum'))
        self.over_classes = over_classes

    def class_weights(self, counts: Tensor) -> Tensor:
        return 1 / (counts.clamp(min=1) * (len(counts) if self.over_classes == 'mean' else 1))

    def center_rates(self, counts: Tensor) -> Tensor:
        return 2 * counts * self.class_weights(counts)
