"""Class weights from what the model misses of each class while it trains."""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from ltseg.core.adjustment import Adjustment
from ltseg.core.checks import check_choice, check_range
from ltseg.core.errors import InvalidValueError
from ltseg.core.shares import shares_of
from ltseg.counts.class_counts import ClassCounts
from ltseg.registry import MODELS
from ltseg.rules.rule import Rule

__all__ = ['MissRateWeighting']

EPSILON = 0.01  # the paper's, beside the lowest recall


@MODELS.register_module()
@dataclass(frozen=True, kw_only=True)
class MissRateWeighting(Rule):
    """Weights the loss of each class by the share of its samples that the model missed in earlier batches::

        w_k = d_k^tau,    d_k = max(missed_k, 1) / max(right_k + missed_k, 1)
        tau = 2 sigmoid(max_j R_j / (min_j R_j + 0.01) - 1),    R_j = 1 - d_j       where tau is 'dynamic'

    A class that was not seen yet has weight 1, and none has weight 0. ``right`` and ``missed`` are those of
    :class:`ltseg.counts.running_recall.RunningRecall`, which a loss keeps where a rule asks for it.

    Args:
        tau: At least 0, or 'dynamic', which is the larger the more recalls differ, between 0.5 and 2.
        normalised: Whether weights are scaled to sum to K.

    Raises:
        ValueError: If the counts do not hold ``right`` and ``missed``.

    Source:
        Tian et al., Striking the Right Balance: Recall Loss for Semantic Segmentation, ICRA 2022 (tau = 1); the lower
        bound of 1 is that of the counters in its code. Sinha et al., Class-Wise Difficulty-Balanced Loss for Solving
        Class-Imbalance, ACCV 2020 (normalised); the dynamic tau is as in its code for ImageNet-LT.

    Example:
        >>> from ltseg.counts.class_counts import ClassCounts
        >>> from ltseg.rules import MissRateWeighting
        >>> import torch
        >>> counts = ClassCounts(torch.tensor([0, 0, 0]), right=torch.tensor([9, 1, 0]), missed=torch.tensor([1, 3, 0]))
        >>> MissRateWeighting()(counts).weight.tolist()  # the third class was not seen yet
        [0.1, 0.75, 1.0]
    """

    short_name = 'miss-rate weighting'

    tau: float | Literal['dynamic'] = 1.0
    normalised: bool = False

    defined_at_zero = True
    uses_counts = False
    uses_recall = True

    def __post_init__(self) -> None:
        super().__post_init__()
        if isinstance(self.tau, str):
            check_choice('MissRateWeighting.tau', self.tau, ('dynamic',))
        else:
            check_range('MissRateWeighting.tau', self.tau, 0)

    def adjustment(self, counts: Tensor, given: ClassCounts) -> Adjustment:
        if given.right is None or given.missed is None:
            hint = 'Give the rule to a loss, before training by expect_rules where it is to begin late.'
            raise InvalidValueError('MissRateWeighting', 'right and missed samples of each class', 'none', hint)
        seen = (given.right + given.missed).to(counts)
        miss_rate = given.missed.to(counts).clamp(min=1) / seen.clamp(min=1)
        weight = miss_rate ** (_dynamic_tau(1 - miss_rate) if isinstance(self.tau, str) else self.tau)
        return Adjustment(weight=len(weight) * shares_of(weight) if self.normalised else weight)


def _dynamic_tau(recall: Tensor) -> Tensor:
    return 2 * torch.sigmoid(recall.max() / (recall.min() + EPSILON) - 1)
