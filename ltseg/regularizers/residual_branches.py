"""What each of several branches of a classifier learns, of ResLT."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from ltseg.core.checks import check_range
from ltseg.core.errors import InvalidValueError
from ltseg.core.features import FeatureBatch
from ltseg.core.reduction import reduce_losses
from ltseg.counts.sources import CountsOption, build_counts
from ltseg.registry import MODELS
from ltseg.regularizers.regularizer import Regularizer

__all__ = ['ResidualBranchLoss', 'rarest_classes']


def rarest_classes(counts: Tensor, share: float) -> Tensor:
    """The ``share`` of K classes that have the smallest counts (K,), a rounded number of them, (K,) bool.

    Of classes with equal counts, those with larger numbers are taken for rarer, as in lists that begin with the most
    frequent class.
    """
    ranks = counts.flip(0).sort(stable=True).indices.argsort().flip(0)  # 0 is the rarest
    return ranks < round(share * len(counts))


@MODELS.register_module()
class ResidualBranchLoss(Regularizer):
    """Cross entropy of the branches of a classifier, each on its classes::

        L = sum_b sum_{i: y_i in S_b} -log softmax(z_b,i)_(y_i)  /  sum_b |{i: y_i in S_b}|

    S_b are the rarest ``shares[b]`` of all classes. With weight ``beta``, and 1 - beta for the cross entropy of the
    sum of the branches, this is ResLT: the first branch learns from all classes, the others from rarer ones alone, so
    that they add to the logits of these. It needs ``ltseg.ResidualBranchClassifier``.

    Args:
        shares: Of each branch, in (0, 1].
        counts: Which say how rare a class is, spelled as in the losses.
        momentum: Of ``counts='ema'``.
        **options: As for :class:`ltseg.regularizers.regularizer.Regularizer`.

    Raises:
        ValueError: If the classifier has no branches, or another number of them.

    Source:
        Cui et al., ResLT: Residual Learning for Long-Tailed Recognition, TPAMI 2022, normalised as in released code.
        That code has beta = 0.998 and shares of 1, 0.8 and 0.6 for CIFAR-10-LT, 0.995 and 1, 0.65 and 0.3 for
        CIFAR-100-LT with factor 100, and 0.99 and 1, 0.825 and 0.22 for ImageNet-LT. The dense form, at the resolution
        of the features with the nearest labels, is our extension.

    Example:
        >>> import torch
        >>> from ltseg.core.features import FeatureBatch
        >>> from ltseg.regularizers import ResidualBranchLoss
        >>> term, labels = ResidualBranchLoss(shares=(1.0, 0.5), counts=[90, 10]), torch.tensor([0, 1])
        >>> logits = torch.tensor([[0.5, 0.5], [0.75, 0.25]]).log()  # of both branches, for both samples
        >>> logits = logits.expand(2, 1, 2, 2)
        >>> value = term(FeatureBatch(torch.zeros(2, 1, 3), labels, 2, branch_logits=logits))
        >>> round(value.item(), 4)  # (2 log 2 + log 4) / 3: the second branch learns from class 1 alone
        0.9242
    """

    short_name = 'ResLT'

    def __init__(
        self,
        shares: Sequence[float] = (1.0, 0.65, 0.3),
        counts: CountsOption = 'dataset',
        *,
        momentum: float = 0.99,
        **options: Any,
    ) -> None:
        super().__init__(**{'loss_name': 'loss_residual_branches', **options})
        for share in shares:
            check_range('ResidualBranchLoss.shares', share, 0, 1)
        self.shares = list(shares)
        self.counts = build_counts(counts, self.sync, momentum)

    def value(self, batch: FeatureBatch) -> Tensor:
        logits = self._branches(batch)  # (N * V, B, K)
        labels = batch.rows[1]
        counts = self.counts(batch.labels, batch.num_classes, ignore_index=-1).samples
        learned = torch.stack([rarest_classes(counts, share) for share in self.shares], 1)  # (K, B)
        learned = learned[labels.clamp(min=0)] & (labels >= 0)[:, None]
        targets = torch.where(learned, labels[:, None], -1)
        losses = F.cross_entropy(logits.flatten(0, 1), targets.flatten(), ignore_index=-1, reduction='none')
        return reduce_losses(losses, learned.sum(), sync=self.sync)

    def _branches(self, batch: FeatureBatch) -> Tensor:
        if batch.branch_logits is None or batch.branch_logits.shape[2] != len(self.shares):
            number = len(self.shares)
            hint = f"Set classifier=dict(type='ltseg.ResidualBranchClassifier', branches={number})."
            got = 'none' if batch.branch_logits is None else repr(batch.branch_logits.shape[2])
            raise InvalidValueError('ResidualBranchLoss', f'a classifier with {number} branches', got, hint)
        return batch.branch_logits.flatten(0, 1)
