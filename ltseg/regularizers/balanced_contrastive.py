"""Balanced contrastive learning."""

from typing import Any, Literal, cast, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ltseg.core.checks import check_choice
from ltseg.core.contrastive import NEVER, Averaging, contrastive_losses
from ltseg.core.errors import InvalidValueError
from ltseg.core.features import FeatureBatch
from ltseg.core.geometry import class_means, directions
from ltseg.registry import MODELS
from ltseg.regularizers.centers import MovingCenters
from ltseg.regularizers.contrastive_term import PairwiseTerm
from ltseg.regularizers.projection import Projection
from ltseg.regularizers.regularizer import not_built

__all__ = ['BalancedContrastiveLoss']

Prototypes = Literal['classifier', 'ema', 'learnable']
Form = Literal['outside', 'inside', 'prototypes']


@MODELS.register_module()
class BalancedContrastiveLoss(PairwiseTerm):
    """Balanced contrastive loss: each class has one vote against an anchor, and each has a prototype in every batch::

        l_i = log D_i - 1/|P_i| sum_{p in P_i} s_ip,    D_i = sum_j 1/n_ij sum_{k in B_j + c_j, k != i} exp(s_ik)

    with s_ik = z_i . z_k / temperature of projected features and prototypes of norm 1, P_i the anchor's class and its
    prototype c_y without the anchor, and n_ij the number of terms of each sum. The mean is over all views of all
    samples.

    Where samples and prototypes are the K vertices of a simplex, each anchor has the same loss,
    log(1 + (K - 1) exp(-K / ((K - 1) temperature))), whatever classes the batch has. That is the minimum if each class
    has as many anchors as any other. Under a long tail it is not: frequent classes have more anchors, which push their
    negatives together, and the minimum is lower and no simplex. Theorem 3 of the paper passes over this. With
    ``anchors='classes'``, which is ours, the simplex is the minimum of every batch that has all classes.

    Args:
        temperature: Divisor of the cosines.
        class_averaging: Whether D_i averages over the keys of each class; else it is the sum over all keys, as in
            SupCon.
        class_complement: Whether there are prototypes.
        averaging: 'outside' the exponential is L1, above. 'inside' is L2, which has the exponential of each class's
            mean score in D_i. 'prototypes' is L3, the cross entropy of the scores of the prototypes.
        prototypes: 'classifier' projects the classifier vectors by a network of their own, and moves them; 'learnable'
            are parameters; 'ema' are moving averages of the projected features of each class, and a class counts from
            its first sample on.
        momentum: Of the moving averages.
        **options: As for :class:`ltseg.regularizers.contrastive_term.PairwiseTerm`.

    Raises:
        ValueError: If L3 shall do without prototypes, or L2 or L3 without class-averaging.

    Source:
        Zhu et al., Balanced Contrastive Learning for Long-Tailed Visual Recognition, CVPR 2022, eq. 6-9. There, two of
        three views are compared and the other is classified, by cosines with logit compensation; CIFAR has the
        weight 0.6 beside 2.0 of the cross entropy and a temperature of 0.1, ImageNet-LT 0.35 beside 1.0, 1024
        channels and, in released code, 0.07. As in that code, the anchor is no part of n_iy and the projections
        have batch normalisations. The momentum is ours. The dense form is our extension: pixels as samples in one
        view, where prototypes see to it that each has a positive.

    Example:
        >>> import torch
        >>> from ltseg.core.features import FeatureBatch
        >>> from ltseg.regularizers import BalancedContrastiveLoss
        >>> term = BalancedContrastiveLoss(temperature=1.0, hidden_channels=None)
        >>> ends = torch.tensor([[1.0, 0.0], [-1.0, 0.0]])  # a simplex of two classes, and their class vectors
        >>> for labels in ([0, 1], [0, 0, 0, 1]):  # log(1 + e^-2) at the simplex, whatever classes the batch has
        ...     labels = torch.tensor(labels)
        ...     print(round(term(FeatureBatch(ends[labels][:, None], labels, 2, ends)).item(), 4))
        0.1269
        0.1269
    """

    short_name = 'BCL'

    def __init__(
        self,
        temperature: float = 0.1,
        class_averaging: bool = True,
        class_complement: bool = True,
        averaging: Form = 'outside',
        prototypes: Prototypes = 'classifier',
        *,
        momentum: float = 0.9,
        **options: Any,
    ) -> None:
        super().__init__(temperature, **{'loss_name': 'loss_balanced_contrastive', **options})
        name = 'BalancedContrastiveLoss'
        check_choice(f'{name}.averaging', averaging, get_args(Form))
        check_choice(f'{name}.prototypes', prototypes, get_args(Prototypes))
        if averaging != 'outside' and not class_averaging:
            raise InvalidValueError(
                f'{name}.class_averaging', f'True for averaging={averaging!r}', repr(class_averaging)
            )
        if averaging == 'prototypes' and not class_complement:
            raise InvalidValueError(
                f'{name}.class_complement', "True for averaging='prototypes'", repr(class_complement)
            )
        self.averaging: Form | None = averaging if class_averaging else None
        self.mode: Prototypes | None = prototypes if class_complement else None
        self.momentum = momentum
        plain = self.mode == 'classifier' and self.hidden_channels is None
        self.prototypes: nn.Module | nn.Parameter | None = nn.Identity() if plain else None

    def build(self, num_classes: int, feature_dim: int) -> None:
        super().build(num_classes, feature_dim)
        if self.mode == 'learnable':
            self.prototypes = nn.Parameter(torch.randn(num_classes, self.out_channels))
        elif self.mode == 'ema':
            self.prototypes = MovingCenters(num_classes, self.out_channels, self.momentum)
        elif self.mode == 'classifier' and self.hidden_channels is not None:
            self.prototypes = Projection(feature_dim, self.hidden_channels, self.out_channels)

    def losses(self, batch: FeatureBatch, rows: Tensor, labels: Tensor, own: Tensor) -> Tensor:
        anchors, anchor_labels = rows[own], labels[own]
        if self.mode is not None:
            prototypes, known = self._prototypes(batch, rows, labels)
            if self.averaging == 'prototypes':
                scores = (anchors @ prototypes.T / self.temperature).masked_fill(~known, NEVER)
                values = F.cross_entropy(scores, anchor_labels, ignore_index=-1, reduction='none')
                return torch.where(known[anchor_labels], values, 0.0)
            classes = torch.arange(batch.num_classes, device=labels.device)
            rows = torch.cat([rows, prototypes])
            labels = torch.cat([labels, torch.where(known, classes, -1)])
        averaging = cast('Averaging | None', self.averaging)
        return contrastive_losses(
            anchors, anchor_labels, rows, labels, own, batch.num_classes, self.temperature, averaging
        )

    def _prototypes(self, batch: FeatureBatch, rows: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """The prototypes (K, out_channels) of norm 1, and which there are, (K,) bool."""
        source = self.prototypes
        if source is None:
            raise not_built(self)
        if isinstance(source, MovingCenters):
            vectors = source.vectors.to(rows.dtype, copy=True)  # the step comes before the backward pass
            means, counts = class_means(rows, labels, batch.num_classes, sync=False)  # all processes have all rows
            source.observe(means, counts > 0)
            return directions(vectors), source.seen
        known = torch.ones(batch.num_classes, dtype=torch.bool, device=rows.device)
        vectors = source if isinstance(source, nn.Parameter) else source(batch.class_vectors.to(rows.dtype))
        return directions(vectors.to(rows.dtype)), known

    def step(self) -> None:
        if isinstance(self.prototypes, MovingCenters):
            self.prototypes.step()
