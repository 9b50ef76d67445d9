"""The distributional robustness loss."""

from typing import Any, Literal

import torch
from torch import Tensor, nn

from ltseg.core.checks import check_choice, check_range
from ltseg.core.contrastive import robust_losses
from ltseg.core.errors import InvalidValueError
from ltseg.core.features import FeatureBatch
from ltseg.core.geometry import class_means
from ltseg.counts.sources import CountsOption, build_counts
from ltseg.registry import MODELS
from ltseg.regularizers.centers import MovingCenters
from ltseg.regularizers.contrastive_term import PairwiseTerm
from ltseg.regularizers.regularizer import not_built

__all__ = ['DistributionalRobustnessLoss']


@MODELS.register_module()
class DistributionalRobustnessLoss(PairwiseTerm):
    """Features that the centre of their class finds in a batch, though it is known within a ball only (DRO-LT)::

        l_i = log( sum_{y_j = k} exp(-(d_kj + 2 r_k) / T) + sum_{y_j != k} exp(-d_kj / T) ) + (d_ki + 2 r_k) / T

    with k the class of sample i, d_kj = |c_k - h_j|, and r_k the radius of the ball: the fewer samples a class has, the
    less is known where its centre lies, and the further off other classes have to be. Each class of the batch has the
    same share of the mean. Centres are moving averages of class means without gradient; of a class that was not seen
    before, it is the mean of the batch.

    Args:
        radius: 'counts' is ``epsilon / sqrt(n_k)`` with n_k the number of images that contain class k, at least 1
            (where the counts hold no images, of samples), 'shared' is ``epsilon`` for all classes, and 'learned' is a
            parameter of each class that starts there. Learned radii shrink, as the loss grows with them; they are not
            below 0.
        epsilon: At least 0. 0 gives the loss without a ball.
        temperature: T.
        counts: Of n, as for :class:`ltseg.losses.LogitsLoss`, but none of batches.
        momentum: Of the moving averages.
        **options: As for :class:`ltseg.regularizers.contrastive_term.PairwiseTerm`. By default there is no projection,
            and ``anchors='classes'``.

    Raises:
        ValueError: If counts of batches are to give the radii.

    Source:
        Samuel and Chechik, Distributional Robustness Loss for Long-tail Learning, ICCV 2021, with its three kinds of
        radii. Released code has learned radii alone and adds them once, where the bound needs 2 r, and computes the
        centres of the whole training set before each epoch; moving averages are ours, and so is the dense form. There
        features are trained so from a model that was trained before, and then the classifier alone.

    Example:
        >>> import torch
        >>> from ltseg.core.features import FeatureBatch
        >>> from ltseg.regularizers import DistributionalRobustnessLoss, RegularizerGroup
        >>> batch = FeatureBatch(torch.tensor([[[0.0]], [[2.0]]]), torch.tensor([0, 1]), num_classes=2)
        >>> for epsilon in (0.0, 1.0):  # each is at its centre, and 2 from the other: log(1 + e^-2); with r = 1: log 2
        ...     term = DistributionalRobustnessLoss('shared', epsilon)
        ...     group = RegularizerGroup([term], num_classes=2, feature_dim=1)
        ...     print(round(group(batch)['loss_distributional_robustness'].item(), 4))
        0.1269
        0.6931
    """

    short_name = 'DRO-LT'
    of_directions = False

    def __init__(
        self,
        radius: Literal['counts', 'shared', 'learned'] = 'counts',
        epsilon: float = 1.0,
        temperature: float = 1.0,
        counts: CountsOption = 'dataset',
        *,
        momentum: float = 0.9,
        **options: Any,
    ) -> None:
        defaults = {'loss_name': 'loss_distributional_robustness', 'hidden_channels': None, 'anchors': 'classes'}
        super().__init__(temperature, **{**defaults, **options})
        check_choice('DistributionalRobustnessLoss.radius', radius, ('counts', 'shared', 'learned'))
        check_range('DistributionalRobustnessLoss.epsilon', epsilon, 0)
        self.radius, self.epsilon, self.momentum = radius, epsilon, momentum
        self.counts = build_counts(counts) if radius == 'counts' else None
        if self.counts is not None and not self.counts.constant:  # a centre is of all samples, not of those of a batch
            hint = "Set counts='dataset'."
            raise InvalidValueError(
                'DistributionalRobustnessLoss.counts', 'counts of a data set, a table or a list', repr(counts), hint
            )
        self.centers: MovingCenters | None = None
        self.radii: nn.Parameter | None = None

    def build(self, num_classes: int, feature_dim: int) -> None:
        super().build(num_classes, feature_dim)
        self.centers = MovingCenters(num_classes, self.out_channels, self.momentum)
        if self.radius == 'learned':
            self.radii = nn.Parameter(torch.full((num_classes,), float(self.epsilon)))

    def losses(self, batch: FeatureBatch, rows: Tensor, labels: Tensor, own: Tensor) -> Tensor:
        if self.centers is None:
            raise not_built(self)
        means, counts = class_means(rows.detach(), labels, batch.num_classes, sync=False)
        vectors = self.centers.vectors.to(means.dtype, copy=True)  # the step comes before the backward pass
        centers = torch.where(self.centers.seen[:, None], vectors, means)
        self.centers.observe(means, counts > 0)
        return robust_losses(rows, labels, centers, self._radii(batch, means), self.temperature)[own]

    def _radii(self, batch: FeatureBatch, like: Tensor) -> Tensor:
        """r, (K,)."""
        if self.radii is not None:
            return self.radii.to(like.dtype).clamp(min=0)
        if self.counts is None:
            return like.new_full((batch.num_classes,), self.epsilon)
        counts = self.counts(batch.labels, batch.num_classes, ignore_index=-1)
        numbers = counts.samples if counts.images is None else counts.images
        return self.epsilon * numbers.clamp(min=1).rsqrt().to(like.dtype)

    def step(self) -> None:
        if self.centers is not None:
            self.centers.step()
