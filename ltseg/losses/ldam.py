"""LDAM loss."""

from typing import Any

from torch import Tensor

from ltseg.core.sample_losses import SampleLosses
from ltseg.losses.cosine_logits import OfCosines
from ltseg.losses.long_tail_loss import LongTailLoss
from ltseg.registry import MODELS
from ltseg.rules import Margin

__all__ = ['LDAMLoss']


@MODELS.register_module()
class LDAMLoss(OfCosines, LongTailLoss):
    """Label-distribution-aware margin loss on cosine logits::

        loss = cross entropy of  scale * (z - m_y onehot(y)),    m_k = max_margin (n_min / n_k)^(1/4)

    The logits have to be cosines (``LongTailSegHead(classifier=dict(type='ltseg.CosineClassifier'))``); a warning says
    so once when they are not.

    Args:
        max_margin: Margin of the rarest class.
        scale: Factor of the cosines.

    Source:
        Cao et al., Learning Imbalanced Datasets with Label-Distribution-Aware Margin Loss, NeurIPS 2019, eq. 10-13.

    Example:
        >>> import torch
        >>> from ltseg.losses import LDAMLoss
        >>> loss, cosines = LDAMLoss(scale=1.0, counts=[16, 1]), torch.zeros(2, 2)
        >>> loss.rules[0](loss.counts.filled).margin.tolist()  # 1/2 (1 / 16)^(1/4), and 1/2
        [0.25, 0.5]
        >>> loss(cosines, torch.tensor([0, 1]), reduction_override='none')  # log(1 + e^0.25), log(1 + e^0.5)
        tensor([0.8259, 0.9741])
    """

    short_name = 'LDAM'

    def __init__(self, max_margin: float = 0.5, scale: float = 30.0, **options: Any) -> None:
        super().__init__([Margin(max_margin=max_margin, scale=scale)], **{'loss_name': 'loss_ldam', **options})

    def prepare(self, logits: Tensor, labels: Tensor, ignore_index: int) -> SampleLosses:
        self.expect_cosines(logits)
        return super().prepare(logits, labels, ignore_index)
