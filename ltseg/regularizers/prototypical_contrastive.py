"""Supervised contrast with one learned prototype for each class."""

from typing import Any

import torch
from torch import Tensor, nn

from ltseg.core.checks import check_integer
from ltseg.core.contrastive import prototype_losses
from ltseg.core.features import FeatureBatch
from ltseg.core.geometry import directions
from ltseg.registry import MODELS
from ltseg.regularizers.contrastive_term import PairwiseTerm
from ltseg.regularizers.regularizer import not_built

__all__ = ['PrototypicalContrastiveLoss']


@MODELS.register_module()
class PrototypicalContrastiveLoss(PairwiseTerm):
    """Prototypical supervised contrast (PSC): samples are drawn to the prototype of their class, away from all others::

        l_i = log sum_{j != y} exp(s_ij) - s_iy,    s_ij = z_i . c_j / temperature

    with projected features z and learned prototypes c, both of norm 1. The mean is over all views of all samples. It
    compares a sample with K prototypes and not with the batch, and needs neither memory for pairs nor a second view.

    The smallest value, log(K - 1) - K / ((K - 1) temperature), is reached where samples and prototypes are the vertices
    of a simplex, if each class has as many anchors as any other, or with ``anchors='classes'`` (ours).

    Args:
        temperature: Divisor of the cosines.
        **options: As for :class:`ltseg.regularizers.contrastive_term.PairwiseTerm`.

    Raises:
        ValueError: If there are fewer than two classes.

    Source:
        Wang et al., Contrastive Learning based Hybrid Networks for Long-Tailed Image Classification, CVPR 2021, L_PSCL
        with a temperature of 0.1 on CIFAR-100 and 1 on CIFAR-10. There the class of the sample is no part of the sum.
        How prototypes start and the batch normalisation of the projection are ours, and so is the dense form.

    Example:
        >>> import torch
        >>> from ltseg.core.features import FeatureBatch
        >>> from ltseg.regularizers import PrototypicalContrastiveLoss, RegularizerGroup
        >>> term = PrototypicalContrastiveLoss(temperature=1.0, hidden_channels=None)
        >>> group = RegularizerGroup([term], num_classes=2, feature_dim=2)
        >>> _ = term.prototypes.data.copy_(torch.tensor([[3.0, 0.0], [-2.0, 0.0]]))  # lengths do not matter
        >>> batch = FeatureBatch(torch.tensor([[[5.0, 0.0]], [[0.0, 1.0]]]), torch.tensor([0, 1]), num_classes=2)
        >>> group(batch)['loss_prototypical_contrastive'].item()  # (-1 - 1) and (0 - 0)
        -1.0
    """

    short_name = 'PSC'

    def __init__(self, temperature: float = 0.1, **options: Any) -> None:
        super().__init__(temperature, **{'loss_name': 'loss_prototypical_contrastive', **options})
        self.prototypes: nn.Parameter | None = None

    def build(self, num_classes: int, feature_dim: int) -> None:
        check_integer('PrototypicalContrastiveLoss: num_classes', num_classes, 2)
        super().build(num_classes, feature_dim)
        self.prototypes = nn.Parameter(torch.randn(num_classes, self.out_channels))

    def losses(self, batch: FeatureBatch, rows: Tensor, labels: Tensor, own: Tensor) -> Tensor:  # noqa: ARG002
        if self.prototypes is None:
            raise not_built(self)
        return prototype_losses(rows[own], labels[own], directions(self.prototypes.to(rows.dtype)), self.temperature)
