"""Generalized parametric contrastive learning."""

from typing import Any

from torch import Tensor

from ltseg.core.checks import check_range
from ltseg.core.contrastive import parametric_losses
from ltseg.core.features import FeatureBatch
from ltseg.registry import MODELS
from ltseg.regularizers.contrastive_term import PairwiseTerm

__all__ = ['ParametricContrastiveLoss']


@MODELS.register_module()
class ParametricContrastiveLoss(PairwiseTerm):
    """Generalized parametric contrastive loss (GPaCo): a sample is to be found among classes and other samples::

        l_i = log D_i - (u_iy + alpha sum_{p in P_i} s_ip) / (1 + alpha |P_i|)
        D_i = sum_k exp(u_ik) + sum_{k != i} exp(s_ik)
        u_ik = w_k . h_i,    s_ik = z_i . z_k / temperature

    with the class vectors w, the features h before and z after the projection, z of norm 1, and P_i the other samples
    of class y. The mean is over all views of all samples. It is a cross entropy with more negatives: equal to it where
    a sample is alone, and above it with ``alpha=0``. The more samples of its class an anchor meets, the less its class
    vector counts, so that frequent classes lean on their samples and rare ones on their class vectors.

    Args:
        temperature: Divisor of the cosines.
        alpha: Weight of a sample of the anchor's class as a positive; that of its class vector is 1.
        **options: As for :class:`ltseg.regularizers.contrastive_term.PairwiseTerm`.

    Raises:
        ValueError: If the head's classifier has no class vectors.

    Source:
        Cui et al., Generalized Parametric Contrastive Learning, TPAMI 2023, with alpha and temperature of its released
        code for Cityscapes. That code compares 8192 random pixels of each image, among them ignored ones as negatives,
        takes the logits of the head for u, and projects by three layers. Here a sample of all pixels of the batch has
        as many of rare classes as of frequent ones, u is without the bias, and the projection has two layers.

    Example:
        >>> import torch
        >>> from ltseg.core.features import FeatureBatch
        >>> from ltseg.regularizers import ParametricContrastiveLoss
        >>> term = ParametricContrastiveLoss(temperature=1.0, alpha=1.0, hidden_channels=None)
        >>> features, labels = torch.eye(2)[:, None], torch.tensor([0, 0])  # scores u = 0 and s = 0: log 3
        >>> round(term(FeatureBatch(features, labels, 2, torch.zeros(2, 2))).item(), 4)
        1.0986
    """

    short_name = 'GPaCo'

    def __init__(self, temperature: float = 0.07, alpha: float = 0.03, **options: Any) -> None:
        super().__init__(temperature, **{'loss_name': 'loss_parametric_contrastive', **options})
        check_range('ParametricContrastiveLoss.alpha', alpha, 0)
        self.alpha = alpha

    def losses(self, batch: FeatureBatch, rows: Tensor, labels: Tensor, own: Tensor) -> Tensor:
        features = batch.features.flatten(0, 1)[own]
        class_scores = features @ batch.class_vectors.to(features.dtype).T
        return parametric_losses(rows[own], labels[own], class_scores, rows, labels, own, self.temperature, self.alpha)
