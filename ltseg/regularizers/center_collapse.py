"""Class means that a classifier of their own tells apart, with one vote for each class."""

from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ltseg.core.checks import check_choice, check_integer
from ltseg.core.features import FeatureBatch
from ltseg.core.geometry import class_means, simplex_vectors
from ltseg.counts.sources import CountsOption, build_counts
from ltseg.registry import MODELS
from ltseg.regularizers.regularizer import Regularizer, not_built

__all__ = ['CenterCollapseRegularizer']

INITIAL_WEIGHT = 0.01  # standard deviation, as MMSegmentation's classifiers begin


@MODELS.register_module()
class CenterCollapseRegularizer(Regularizer):
    """Cross entropy of the class means of a batch under a classifier of their own, balanced by class counts::

        L = 1/|C| sum_{k in C} -log( n_k e^(s_kk) / sum_j n_j e^(s_kj) ),    s_kj = w_j . P mu_k + b_j

    with C the classes in the batch of all processes, mu_k their means, and n_k the number of images that contain class
    k, at least 1 (where the counts hold no images, the number of samples). Each class counts once, however few pixels
    it has.

    With the simplex and equal counts, of all means of a given length those along the w_k have the smallest loss, so
    that means are drawn to a simplex; unequal counts move this optimum.

    Args:
        classifier: 'etf' (CeCo) has the vertices of a simplex as w, which stay as they are, without b. 'linear' (Region
            Rebalance) learns w and b beside the head's own classifier.
        channels: Rows of P, which has random entries that stay as they are; None leaves P out. A simplex needs K - 1
            dimensions or more.
        counts: Of n, as for :class:`ltseg.losses.LogitsLoss`. Counts of batches hold samples for images.
        momentum: Of ``counts='ema'``.
        seed: Of the simplex and of P. Both are also saved with the model.
        **options: As for :class:`ltseg.regularizers.regularizer.Regularizer`.

    Raises:
        ValueError: If there are less than K - 1 dimensions for a simplex.

    Source:
        Zhong et al., Understanding Imbalanced Semantic Segmentation Through Neural Collapse, CVPR 2023 (CeCo), with a
        weight of 0.8 and, in released code, a P and a simplex that are not trained. Cui et al., Region Rebalance for
        Long-Tailed Semantic Segmentation, arXiv 2204.01969 ('linear'). Means over the batch of all processes, P linear,
        and leaving it out by default are our choices. The form for image classification is our extension.

    Example:
        >>> import torch
        >>> from ltseg.core.features import FeatureBatch
        >>> from ltseg.regularizers import CenterCollapseRegularizer
        >>> term = CenterCollapseRegularizer(counts=[5, 5])
        >>> term.build(num_classes=2, feature_dim=2)
        >>> for sign in (1, -1):  # each mean at its own vertex: log(1 + e^-2); at the other's: log(1 + e^2)
        ...     batch = FeatureBatch(sign * term.weight[[0, 1, 1], None], torch.tensor([0, 1, 1]), 2)
        ...     print(round(term(batch).item(), 4))
        0.1269
        2.1269
    """

    short_name = 'CeCo ({classifier})'

    weight: Tensor  # (K, D), or (K, channels)
    bias: Tensor | None  # (K,)
    projection: Tensor | None  # (channels, D)

    def __init__(
        self,
        classifier: Literal['etf', 'linear'] = 'etf',
        channels: int | None = None,
        counts: CountsOption = 'dataset',
        *,
        momentum: float = 0.99,
        seed: int = 0,
        **options: Any,
    ) -> None:
        super().__init__(**{'loss_name': 'loss_center_collapse', **options})
        check_choice('CenterCollapseRegularizer.classifier', classifier, ('etf', 'linear'))
        if channels is not None:
            check_integer('CenterCollapseRegularizer.channels', channels, 1)
        self.classifier, self.channels, self.seed = classifier, channels, seed
        self.counts = build_counts(counts, self.sync, momentum)

    def build(self, num_classes: int, feature_dim: int) -> None:
        generator = torch.Generator().manual_seed(self.seed)
        dimensions = feature_dim if self.channels is None else self.channels
        if self.classifier == 'linear':
            self.weight = nn.Parameter(torch.randn(num_classes, dimensions) * INITIAL_WEIGHT)
            self.bias = nn.Parameter(torch.zeros(num_classes))
        else:
            self.register_buffer('weight', simplex_vectors(num_classes, dimensions, generator).float())
            self.bias = None
        if self.channels is None:
            self.projection = None
        else:
            random = torch.randn(dimensions, feature_dim, generator=generator)
            self.register_buffer('projection', random / dimensions**0.5)

    def value(self, batch: FeatureBatch) -> Tensor:
        if not hasattr(self, 'weight'):
            raise not_built(self)
        means, sizes = class_means(*batch.rows, batch.num_classes, self.sync)
        present = sizes > 0
        classes = torch.arange(batch.num_classes, device=present.device)
        losses = F.cross_entropy(
            self._logits(means) + self._log_counts(batch).to(means.dtype),
            torch.where(present, classes, -1),
            ignore_index=-1,
            reduction='sum',
        )
        return losses / present.sum().clamp(min=1)

    def _logits(self, means: Tensor) -> Tensor:
        if self.projection is not None:
            means = F.linear(means, self.projection.to(means.dtype))
        bias = None if self.bias is None else self.bias.to(means.dtype)
        return F.linear(means, self.weight.to(means.dtype), bias)

    def _log_counts(self, batch: FeatureBatch) -> Tensor:
        counts = self.counts(batch.labels, batch.num_classes, ignore_index=-1)
        return (counts.samples if counts.images is None else counts.images).clamp(min=1).log()
