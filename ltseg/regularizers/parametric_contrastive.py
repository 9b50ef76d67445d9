"""Parametric contrastive learning."""

from typing import Any

import torch
from torch import Tensor

from ltseg.core.checks import check_integer, check_range
from ltseg.core.contrastive import parametric_losses
from ltseg.core.features import FeatureBatch
from ltseg.core.precision import widened
from ltseg.counts.sources import CountsOption, build_counts
from ltseg.registry import MODELS
from ltseg.regularizers.contrastive_term import PairwiseTerm
from ltseg.regularizers.key_queue import KeyQueue

__all__ = ['ParametricContrastiveLoss']


@MODELS.register_module()
class ParametricContrastiveLoss(PairwiseTerm):
    """Parametric contrastive loss (PaCo, GPaCo): a sample is to be found among classes and other samples::

        l_i = log D_i - (u_iy + alpha sum_{p in P_i} s_ip) / (1 + alpha |P_i|)
        D_i = sum_k exp(u_ik) + sum_{k != i} exp(s_ik)
        u_ik = w_k . h_i + log pi_k,    s_ik = z_i . z_k / temperature

    without log pi where there are no ``counts``, with the class vectors w, the features h before and z after the
    projection, z of norm 1, and P_i the other samples of class y, among them those that a queue holds of earlier
    batches. The mean is over all views of all samples. It is a cross entropy with more negatives: equal to it where a
    sample is alone, and above it with ``alpha=0``. The more samples of its class an anchor meets, the less its class
    vector counts, so that frequent classes lean on their samples and rare ones on their class vectors.

    Args:
        temperature: Divisor of the cosines.
        alpha: Weight of a sample of the anchor's class as a positive; that of its class vector is 1.
        counts: Of the prior pi, as for :class:`ltseg.losses.LogitsLoss`, at least 1; None leaves pi out.
        queue_size: Number of keys of earlier batches, those of the last view, with which anchors are compared, too.
        momentum: Of ``counts='ema'``.
        **options: As for :class:`ltseg.regularizers.contrastive_term.PairwiseTerm`.

    Raises:
        ValueError: If the head's classifier has no class vectors.

    Source:
        Cui et al., Parametric Contrastive Learning (PaCo), ICCV 2021, eq. 4, which is this with counts and a queue, but
        for its second network, whose weights are moving averages and which makes the keys. Cui et al., Generalized
        Parametric Contrastive Learning (GPaCo), TPAMI 2023, which has no such network. alpha and temperature are those
        of its released code for Cityscapes, which has neither counts nor a queue. That code compares 8192 random pixels
        of each image, among them ignored ones as negatives, takes the logits of the head for u, and projects by three
        layers. Here a sample of all pixels of the batch has as many of rare classes as of frequent ones, u is without
        the bias, and the projection has two layers.

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

    def __init__(
        self,
        temperature: float = 0.07,
        alpha: float = 0.03,
        counts: CountsOption | None = None,
        queue_size: int = 0,
        *,
        momentum: float = 0.99,
        **options: Any,
    ) -> None:
        super().__init__(temperature, **{'loss_name': 'loss_parametric_contrastive', **options})
        check_range('ParametricContrastiveLoss.alpha', alpha, 0)
        check_integer('ParametricContrastiveLoss.queue_size', queue_size, 0)
        self.alpha, self.queue_size = alpha, queue_size
        self.counts = None if counts is None else build_counts(counts, self.sync, momentum)
        self.queue: KeyQueue | None = None

    def build(self, num_classes: int, feature_dim: int) -> None:
        super().build(num_classes, feature_dim)
        self.queue = KeyQueue(self.queue_size, self.out_channels) if self.queue_size else None

    def losses(self, batch: FeatureBatch, rows: Tensor, labels: Tensor, own: Tensor) -> Tensor:
        features = batch.features.flatten(0, 1)[own]
        class_scores = features @ batch.class_vectors.to(features.dtype).T
        if self.counts is not None:
            counts = widened(self.counts(batch.labels, batch.num_classes, ignore_index=-1).samples).clamp(min=1)
            class_scores = class_scores + torch.log(counts / counts.sum()).to(class_scores.dtype)
        if self.queue is not None:
            views = batch.features.shape[1]
            self.queue.observe(rows[views - 1 :: views], labels[views - 1 :: views])
            rows = torch.cat([rows, self.queue.keys.to(rows.dtype)])  # a copy: the step comes before the backward pass
            labels = torch.cat([labels, self.queue.labels])
        return parametric_losses(rows[own], labels[own], class_scores, rows, labels, own, self.temperature, self.alpha)

    def step(self) -> None:
        if self.queue is not None:
            self.queue.step()
