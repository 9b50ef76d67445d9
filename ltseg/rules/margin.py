"""Label-distribution-aware margins."""

from dataclasses import dataclass

import torch
from torch import Tensor

from ltseg.core.adjustment import Adjustment
from ltseg.core.checks import check_positive, check_range
from ltseg.counts.class_counts import ClassCounts
from ltseg.registry import MODELS
from ltseg.rules.rule import Rule

__all__ = ['Margin']


@MODELS.register_module()
@dataclass(frozen=True, kw_only=True)
class Margin(Rule):
    """Takes a margin from the label's logit, largest for the rarest class::

        z' = scale * (z - m_y * onehot(y)),    m_k = max_margin * (n_min / n_k)^(1/4)

    With equal counts this is not cross entropy but a margin of ``max_margin`` for every class.

    Args:
        max_margin: Margin of the rarest class, in units of the logits; LDAM wants cosines.
        scale: Factor of the logits after the margin.

    Source:
        Cao et al., Learning Imbalanced Datasets with Label-Distribution-Aware Margin Loss, NeurIPS 2019, eq. 10-13.

    Example:
        >>> from ltseg.counts.class_counts import ClassCounts
        >>> from ltseg.rules import Margin
        >>> Margin(max_margin=0.5)(ClassCounts.from_list([16, 1])).margin.tolist()  # 16^(1/4) = 2
        [0.25, 0.5]
    """

    short_name = 'margin'

    max_margin: float = 0.5
    scale: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        check_range('Margin.max_margin', self.max_margin, 0)
        check_positive('Margin.scale', self.scale)

    def adjustment(self, counts: Tensor, given: ClassCounts) -> Adjustment:
        margin = self.scale * self.max_margin * (counts.min() / counts) ** 0.25
        return Adjustment(margin=margin, scale=None if self.scale == 1 else torch.full_like(counts, self.scale))
