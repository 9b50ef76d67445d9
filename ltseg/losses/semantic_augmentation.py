"""Losses of features that are augmented by noise with the covariance of their class, in closed form."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal

import torch
from torch import Tensor

from ltseg.core.checks import check_choice, check_range
from ltseg.core.class_covariances import ClassCovariances, expected_shift
from ltseg.core.differentiated_cross_entropy import ShiftedCrossEntropy
from ltseg.core.errors import InvalidValueError, WrongStateError
from ltseg.core.features import FeatureBatch
from ltseg.core.sample_losses import SampleLosses
from ltseg.losses.ruled_loss import RuledLoss
from ltseg.registry import MODELS
from ltseg.rules import Rule
from ltseg.schedules import Progress, Schedule

__all__ = ['ISDALoss', 'RISDALoss']


@MODELS.register_module()
class ISDALoss(RuledLoss):
    """Implicit semantic data augmentation: a bound of the cross entropy of augmented features, under rules::

        z'_j = z_j + lambda/2 (w_j - w_y)^T Sigma_y (w_j - w_y),    lambda = strength (r_0 + (r_1 - r_0) t / T)

    for features h + e, e ~ N(0, lambda Sigma_y), with w the class vectors, and Sigma the covariances of the features of
    each class over training so far. The bound has a gradient in w, too. Out of training z' = z.

    It needs features and class vectors, and so a head that hands them over, ``LongTailSegHead`` or ``LongTailClsHead``,
    with a linear last layer. In segmentation the covariances are those of the features at their resolution with the
    nearest labels, and the logits are upsampled before they are shifted.

    Under the rules of LDAM and class-balanced weights, with ``ltseg.MetaCovariances``, this is MetaSAug.

    Args:
        strength: lambda_0, at least 0; the paper's are 0.5 on CIFAR and 7.5 on ImageNet and Cityscapes.
        ramp: r_0 and r_1, the shares of it at the beginning and at the end of this training run, t in iterations.
        covariance: 'full', or 'diagonal' for many classes or dimensions (K D^2 numbers otherwise).
        rules: Rules, or their configs, on the shifted logits.
        **options: As for :class:`ltseg.losses.LogitsLoss`. ``average`` is 'weight' by default.

    Raises:
        ValueError: If labels are mixed.
        RuntimeError: If no head has handed features over.

    Source:
        Wang et al., Implicit Semantic Data Augmentation for Deep Networks, NeurIPS 2019, eq. 7 in the numbering that
        the issues of its released code have. That code has diagonals for ImageNet and Cityscapes, and t in epochs on
        CIFAR.

    Example:
        >>> import torch
        >>> from ltseg.core.features import FeatureBatch
        >>> from ltseg.losses import ISDALoss
        >>> loss = ISDALoss(strength=2.0, ramp=(1.0, 1.0)).build(num_classes=2, feature_dim=1)
        >>> features, labels = torch.tensor([[1.0], [3.0], [5.0]]), torch.tensor([0, 0, 1])  # class 0 has variance 1
        >>> batch = FeatureBatch(features[:, None], labels, 2, classifier=torch.tensor([[0.0], [1.0]]))
        >>> with loss.observing(batch):  # by the head
        ...     loss(torch.zeros(3, 2), labels, reduction_override='none').detach()  # log(1 + e), and log 2
        tensor([1.3133, 1.3133, 0.6931])
    """

    short_name = 'ISDA'

    of_single_samples = False  # the gradient in the class vectors is that of the whole batch
    observes_features = True

    def __init__(
        self,
        strength: float = 0.5,
        ramp: Sequence[float] = (0.0, 1.0),
        covariance: Literal['full', 'diagonal'] = 'full',
        rules: Sequence[Rule | dict] = (),
        **options: Any,
    ) -> None:
        name = type(self).__name__
        super().__init__(rules, **{'average': 'weight', 'loss_name': 'loss_isda', **options})
        check_range(f'{name}.strength', strength, 0)
        check_choice(f'{name}.covariance', covariance, ('full', 'diagonal'))
        if len(ramp) != 2:
            raise InvalidValueError(f'{name}.ramp', 'two shares', repr(ramp), 'Leave it at (0.0, 1.0).')
        for share in ramp:
            check_range(f'{name}.ramp', share, 0)
        self.strength, self.ramp, self.covariance = strength, tuple(ramp), covariance
        self._done = Schedule('linear', complement=True)
        self._observed: FeatureBatch | None = None  # while a head computes its losses
        self.replaced: Tensor | None = None  # covariances in place of those of the features
        self.plain = False  # whether this is cross entropy alone for the moment

    def build(self, num_classes: int, feature_dim: int) -> 'ISDALoss':
        """Makes the statistics of K classes in D dimensions; heads call it."""
        shape = [num_classes, feature_dim]
        self.register_buffer('seen', torch.zeros(num_classes, dtype=torch.int64))
        self.register_buffer('means', torch.zeros(shape))
        self.register_buffer('covariances', torch.zeros(shape + shape[1:] * (self.covariance == 'full')))
        self.seen: Tensor
        self.means: Tensor
        self.covariances: Tensor
        return self

    @property
    def statistics(self) -> ClassCovariances:
        """Those of the features so far.

        Raises:
            RuntimeError: If no head has built the loss.
        """
        if not hasattr(self, 'seen'):
            raise self._without_features()
        return ClassCovariances(self.seen, self.means, self.covariances)

    def keep(self, statistics: ClassCovariances) -> None:
        """Puts others in their place."""
        for name, value in zip(('seen', 'means', 'covariances'), vars(statistics).values(), strict=True):
            getattr(self, name).copy_(value)

    @contextmanager
    def observing(self, batch: FeatureBatch) -> Iterator[None]:
        """For the head: the features that belong to the logits for which the loss is called within this context."""
        self._observed = batch
        if self.training and torch.is_grad_enabled() and not self.plain:
            self.learn(batch)
        try:
            yield
        finally:
            self._observed = None

    def learn(self, batch: FeatureBatch) -> None:
        """Takes the features of a batch of all processes into the statistics."""
        rows, labels = batch.rows
        with torch.autocast(rows.device.type, enabled=False):  # squares leave the range of float16
            new = ClassCovariances.of(rows, labels, batch.num_classes, self.covariance == 'diagonal')
            self.keep(self.statistics + (new.all_reduced() if self.sync else new))

    def prepare(self, logits: Tensor, labels: Tensor, ignore_index: int) -> SampleLosses:
        if labels.is_floating_point():
            hint = 'Train without mixed labels.'
            raise InvalidValueError(type(self).__name__, 'class indices', 'soft labels', hint)
        adjustment = None if self.plain else self.adjustment(logits, labels, ignore_index)
        shift = self.shift().to(logits.dtype) if self.training and not self.plain else None

        def of_labels(logits: Tensor, labels: Tensor) -> Tensor:
            return logits.new_zeros(()) if shift is None else shift[labels].movedim(-1, 1)

        return ShiftedCrossEntropy(of_labels, ignore_index, adjustment)

    def shift(self) -> Tensor:
        """What is added to the logits of samples of class y, row y of (K, K)."""
        covariances = self.statistics.covariances if self.replaced is None else self.replaced
        return self.strength * self.growth() * expected_shift(self.class_vectors(), covariances)

    def class_vectors(self) -> Tensor:
        """Those of the head that computes its losses."""
        if self._observed is None:
            raise self._without_features()
        return self._observed.class_vectors

    def _without_features(self) -> WrongStateError:
        hint = 'Use LongTailSegHead or LongTailClsHead, which hand the features over.'
        return WrongStateError(type(self).__name__, 'a head that hands features and class vectors over', 'none', hint)

    def growth(self, progress: Progress | None = None) -> Any:
        """The share of the strength at a point of training, by default at this one."""
        begin, end = self.ramp
        return begin + (end - begin) * (self._done.current() if progress is None else self._done.factor(progress))


@MODELS.register_module()
class RISDALoss(ISDALoss):
    """Reasoning-based ISDA: rare classes borrow directions from the classes that they are confused with::

        z'_j = z_j + beta/2 (w_j - w_y)^T S_y (w_j - w_y) + alpha (w_j - w_y)^T (sum_k G_yk mu_k - mu_y)
        S_y = Sigma_y for frequent classes,  sum_k G_yk Sigma_k for the others

    with Sigma and mu of the features of each class, and G_yk the share of the training samples of class y that the
    trained model takes for class k. ``ltseg.MeasureClasses`` measures all three before a second stage, in which the
    classifier alone is trained (``ltseg.TrainOnly``). alpha and beta grow with training as lambda of ISDA does.

    Args:
        strength: beta_0; 1 and 0.75 in the released commands for CIFAR-100-LT, factor 200 and 100.
        drift: alpha_0; 0.5 in these commands.
        frequent: Share of the classes, those with most samples, that keep their own covariances; 20 of 100 in released
            code.
        ramp: As of :class:`ISDALoss`; the second stage of released code is the last fifth of 200 epochs.
        **options: As for :class:`ISDALoss`.

    Raises:
        RuntimeError: If nothing was measured.

    Source:
        Chen et al., Imagine by Reasoning: A Reasoning-Based Implicit Semantic Data Augmentation for Long-Tailed
        Classification, AAAI 2022, Stage II, as in released code. That estimates Sigma anew in the second stage, and
        mixes what it has mixed before in each iteration; here, as in the paper, Sigma is measured once.

    Example:
        >>> import torch
        >>> from ltseg.core.class_covariances import ClassCovariances
        >>> from ltseg.core.features import FeatureBatch
        >>> from ltseg.losses import RISDALoss
        >>> loss = RISDALoss(strength=2.0, drift=1.0, frequent=0.5, ramp=(1.0, 1.0)).build(2, 1)
        >>> features, labels = torch.tensor([[1.0], [3.0], [5.0]]), torch.tensor([0, 0, 1])  # class 0 has variance 1
        >>> taken_for = torch.tensor([[2, 0], [1, 1]])  # class 1 is taken for class 0 in half the cases
        >>> loss.measured(ClassCovariances.of(features, labels, 2), taken_for)
        >>> batch = FeatureBatch(features[:, None], labels, 2, classifier=torch.tensor([[0.0], [1.0]]))
        >>> with loss.observing(batch):  # class 1 has the variance 1/2 (1 + 0) and drifts by 1/2 (2 + 5) - 5
        ...     loss.shift().tolist()
        [[0.0, 1.0], [2.0, 0.0]]
    """

    short_name = 'RISDA'

    def __init__(
        self,
        strength: float = 0.75,
        drift: float = 0.5,
        frequent: float = 0.2,
        ramp: Sequence[float] = (0.8, 1.0),
        **options: Any,
    ) -> None:
        super().__init__(strength, ramp, **{'loss_name': 'loss_risda', **options})
        check_range('RISDALoss.drift', drift, 0)
        check_range('RISDALoss.frequent', frequent, 0, 1)
        self.drift, self.frequent = drift, frequent

    def build(self, num_classes: int, feature_dim: int) -> 'RISDALoss':
        super().build(num_classes, feature_dim)
        self.register_buffer('moves', torch.zeros(num_classes, feature_dim))
        self.moves: Tensor
        return self

    @torch.no_grad()
    def measured(self, statistics: ClassCovariances, confusion: Tensor) -> None:
        """Takes over what was measured, with the borrowed covariances.

        Args:
            statistics: Of the features of all training samples.
            confusion: Samples of class y that were taken for class k, (K, K).
        """
        graph = (confusion / confusion.sum(1, keepdim=True).clamp(min=1)).to(self.means)
        own = statistics.covariances.to(self.means)
        rank = statistics.counts.argsort(descending=True, stable=True).argsort()
        keeps = (rank < round(self.frequent * len(rank))).view(-1, *[1] * (own.ndim - 1))
        borrowed = (graph @ own.flatten(1)).view_as(own)
        self.keep(ClassCovariances(statistics.counts, statistics.means, torch.where(keeps, own, borrowed)))
        self.moves.copy_(graph @ self.means - self.means)

    def learn(self, batch: FeatureBatch) -> None:
        """What was measured stays."""

    def prepare(self, logits: Tensor, labels: Tensor, ignore_index: int) -> SampleLosses:
        if self.training and self.may_synchronize(logits) and not self.statistics.counts.any():
            hint = "Add custom_hooks=[dict(type='ltseg.MeasureClasses')]."
            raise WrongStateError('RISDALoss', 'the classes to be measured before training', 'none', hint)
        return super().prepare(logits, labels, ignore_index)

    def shift(self) -> Tensor:
        """What is added to the logits of samples of class y, row y of (K, K)."""
        moved = self.moves @ self.class_vectors().T  # w_j . m_y
        return super().shift() + self.drift * self.growth() * (moved - moved.diagonal()[:, None])
