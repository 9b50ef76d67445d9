"""Supervised contrastive learning, as it is and with a limited number of positives."""

from typing import Any

import torch
from torch import Tensor

from ltseg.core.checks import check_integer
from ltseg.core.contrastive import contrastive_losses, limited_positives
from ltseg.core.features import FeatureBatch
from ltseg.registry import MODELS
from ltseg.regularizers.contrastive_term import PairwiseTerm

__all__ = ['SupervisedContrastiveLoss']


@MODELS.register_module()
class SupervisedContrastiveLoss(PairwiseTerm):
    """Supervised contrastive loss (SupCon), and its form with k positives (KCL)::

        l_i = -1/|P_i| sum_{p in P_i} log( exp(s_ip) / sum_{k != i} exp(s_ik) ),    s_ik = z_i . z_k / temperature

    z are projected features of norm 1. The mean is over all views of all samples; one without positives counts as 0.

    Args:
        temperature: Divisor of the cosines.
        positives: None takes all samples of the anchor's class as positives P. k takes the other views of the
            anchor's own sample and k random samples of its class, or all where there are fewer.
        **options: As for :class:`ltseg.regularizers.contrastive_term.PairwiseTerm`.

    Source:
        Khosla et al., Supervised Contrastive Learning, NeurIPS 2020, L_out, without the factor temperature over base
        temperature of its released code, which is 1 there. Kang et al., Exploring Balanced Feature Spaces for
        Representation Learning, ICLR 2021 (KCL, k = 6), which trains in two stages with a queue of keys; the keys
        here are those of the batch. The dense form, with a sample of pixels and one view, is our extension.

    Example:
        >>> import torch
        >>> from ltseg.core.features import FeatureBatch
        >>> from ltseg.regularizers import SupervisedContrastiveLoss
        >>> term = SupervisedContrastiveLoss(temperature=1.0, hidden_channels=None)
        >>> rows = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
        >>> batch = FeatureBatch(rows[:, None], torch.tensor([0, 0, 1]), num_classes=2)
        >>> round(term(batch).item(), 4)  # two anchors with log(1 + 1 / e); the third has no positive: 2/3 of 0.3133
        0.2088
    """

    short_name = 'SupCon'

    def __init__(self, temperature: float = 0.07, positives: int | None = None, **options: Any) -> None:
        super().__init__(temperature, **{'loss_name': 'loss_supervised_contrastive', **options})
        if positives is not None:
            check_integer('SupervisedContrastiveLoss.positives', positives, 1)
        self.most_positives = positives

    def losses(self, batch: FeatureBatch, rows: Tensor, labels: Tensor, own: Tensor) -> Tensor:
        positives = self.positives_of(batch, labels, own)
        return contrastive_losses(
            rows[own], labels[own], rows, labels, own, batch.num_classes, self.temperature, positives=positives
        )

    def positives_of(self, batch: FeatureBatch, labels: Tensor, own: Tensor) -> Tensor:
        """The positives of each anchor, (M, N) bool, for rows of ``labels`` (N,) of which ``own`` (M,) are anchors."""
        if self.most_positives is None:
            itself = own[:, None] == torch.arange(len(labels), device=labels.device)
            return (labels[own][:, None] == labels) & ~itself
        views = batch.features.shape[1] if self.views is None else len(self.views)
        samples = torch.arange(len(labels), device=labels.device) // views
        return limited_positives(labels[own], samples[own], labels, samples, own, self.most_positives)
