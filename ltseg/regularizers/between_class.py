"""Distinct classes: the nearest class means are pushed apart."""

from collections.abc import Sequence
from typing import Any, Literal, get_args

import torch
from torch import Tensor

from ltseg.core.checks import check_choice
from ltseg.core.errors import InvalidValueError
from ltseg.core.features import FeatureBatch
from ltseg.core.geometry import centred_directions, class_means
from ltseg.registry import MODELS
from ltseg.regularizers.centers import Centers, LearnedCenters
from ltseg.regularizers.known_means import KnownMeansRegularizer
from ltseg.regularizers.regularizer import Regularizer, not_built
from ltseg.regularizers.within_class import CenterPull

__all__ = ['Angles', 'BetweenClassRegularizer', 'between_class']

Angles = Literal['nearest', 'least']

LARGEST_COSINE = 0.99999  # beyond it the slope of arccos is rounding noise


@MODELS.register_module()
class BetweenClassRegularizer(KnownMeansRegularizer):
    """The angle between each class mean and the nearest other one (NC2), as seen from their centre::

        L_B = -1/K sum_k min_{j != k} arccos(v_k . v_j),    v_k = (mu_k - mu_C) / |mu_k - mu_C|,  mu_C = mean_k mu_k
        L_B = -min_{j != k} arccos(v_k . v_j)                                                     angles='least'

    The minimum of both, -arccos(-1 / (K - 1)), is a simplex and needs D >= K - 1. The classes are those with a mean;
    two always lie opposite each other as seen from their centre, so that fewer than three give 0.

    Args:
        centers: What mu is. 'batch' (paper) takes the class means of the batch. 'ema' (ours) fills absent classes up
            with moving averages, without gradient. 'learnable' (released code) takes the learned centres of the
            ``WithinClassRegularizer`` or ``CenterLoss`` of the same head: the term moves these centres, with its
            weight over that term's, and features follow them. None is 'learnable' beside such a term, else 'batch'.
            While that term has the weight 0, by its ``schedule`` or from the start, no feature follows its centres,
            and the class means of the batch take their place (ours).
        angles: 'nearest' is the mean over the classes (eq. 15), 'least' the smallest angle alone (eq. 14).
        momentum: Of the moving averages.
        **options: As for :class:`ltseg.regularizers.regularizer.Regularizer`.

    Source:
        Liu et al., Inducing Neural Collapse in Deep Long-tailed Learning, AISTATS 2023, eq. 14 and 15. The paper
        prefers eq. 15, and so does its released code for ImageNet-LT; the script for CIFAR of that code, in its branch
        try, has eq. 14 by default. Published weights: 0.1 on CIFAR-10, 0.5 on CIFAR-100 and 1.0 on ImageNet-LT; the
        last two from the middle of training on. Cosines beyond 0.99999 have gradient 0, as in the released code. The
        dense form is our extension.

    Example:
        >>> import torch
        >>> from ltseg.core.features import FeatureBatch
        >>> from ltseg.regularizers import BetweenClassRegularizer
        >>> for degrees in ([0, 120, 240], [0, 30, 180]):  # a simplex, and two classes that are close to each other
        ...     directions = torch.tensor(degrees).deg2rad()
        ...     means = torch.stack([directions.cos(), directions.sin()], 1)
        ...     batch = FeatureBatch(means[:, None], torch.arange(3), num_classes=3)
        ...     for angles in ('nearest', 'least'):
        ...         print(angles, round(BetweenClassRegularizer(angles=angles)(batch).rad2deg().item()))
        nearest -120
        least -120
        nearest -81
        least -43
    """

    short_name = 'NCR between'

    def __init__(
        self, centers: Centers | None = None, angles: Angles = 'nearest', *, momentum: float = 0.9, **options: Any
    ) -> None:
        if centers is not None:
            check_choice('BetweenClassRegularizer.centers', centers, get_args(Centers))
        check_choice('BetweenClassRegularizer.angles', angles, get_args(Angles))
        super().__init__(centers == 'ema', momentum, **{'loss_name': 'loss_between_class', **options})
        self.mode, self.angles = centers, angles
        self._owner: tuple[CenterPull, ...] = ()  # a tuple, because a module here would be saved twice

    def share(self, terms: Sequence[Regularizer]) -> None:
        """Takes the centres of the first term that learns some.

        Raises:
            ValueError: If learned centres are wanted and there are none that features are drawn to.
        """
        learning = [t for t in terms if isinstance(t, CenterPull) and isinstance(t.centers, LearnedCenters)]
        owners = [term for term in learning if term.loss_weight > 0]
        if self.mode == 'learnable' and not owners:
            hint = (
                "Add dict(type='ltseg.WithinClassRegularizer', centers='learnable'), without which no feature feels "
                "this term, or set centers='batch'."
            )
            got = 'one with the weight 0' if learning else 'none'
            raise InvalidValueError('BetweenClassRegularizer', 'a term of the head that learns centers', got, hint)
        self._owner = tuple(owners[:1]) if self.mode in (None, 'learnable') else ()

    def value(self, batch: FeatureBatch) -> Tensor:
        for owner in self._owner:
            rate = owner.factor()
            if rate > 0:
                return self._of_learned_centers(batch, owner, rate)
        means, counts = class_means(*batch.rows, batch.num_classes, self.sync)
        known = self.known_means(means, counts)
        self.observe(means, counts)
        return between_class(*known, self.angles)

    def _of_learned_centers(self, batch: FeatureBatch, owner: CenterPull, rate: float) -> Tensor:
        learned = owner.centers
        if not isinstance(learned, LearnedCenters):
            raise not_built(owner)
        with torch.enable_grad():
            centers = learned.vectors.detach().clone().requires_grad_()
            value = between_class(centers, torch.ones_like(centers[:, 0], dtype=torch.bool), self.angles)
            (gradient,) = torch.autograd.grad(value, centers)
        learned.pull(gradient * (self.factor() / rate))
        return value.detach() + batch.features.flatten()[:0].sum()


def between_class(means: Tensor, known: Tensor, angles: Angles = 'nearest') -> Tensor:
    """L_B of the class means (K, D) of the classes ``known`` (K,)."""
    vectors = centred_directions(means, known)
    cosines = vectors @ vectors.T
    pairs = known & known[:, None] & ~torch.eye(len(known), dtype=torch.bool, device=known.device)  # (K, K)
    nearest = cosines.masked_fill(~pairs, -1.0).max(dim=1).values  # of each class
    if angles == 'least':
        nearest = nearest.max().expand_as(nearest)
    found = nearest.clamp(-LARGEST_COSINE, LARGEST_COSINE).arccos()
    count = known.sum()
    total = torch.where(known & (count > 2), found, 0.0).sum()
    return -total / count.clamp(min=1)
