"""Class-dependent temperatures."""

from dataclasses import dataclass

from torch import Tensor

from ltseg.core.adjustment import Adjustment
from ltseg.core.checks import check_range
from ltseg.counts.class_counts import ClassCounts
from ltseg.registry import MODELS
from ltseg.rules.rule import Rule

__all__ = ['Temperature']


@MODELS.register_module()
@dataclass(frozen=True, kw_only=True)
class Temperature(Rule):
    """Scales the logits of rare classes down, so that training has to scale them up::

        scale_k = (n_k / n_max)^gamma

    Args:
        gamma: Exponent; 0 leaves the logits alone.

    Source:
        Ye et al., Identifying and Compensating for Feature Deviation in Imbalanced Deep Learning, arXiv 2001.01385
        (CDT, ``a_k = (n_max / n_k)^gamma`` divides the logit); Kini et al., Label-Imbalanced and Group-Sensitive
        Classification under Overparameterization, NeurIPS 2021, eq. 2 (the multiplicative part of VS).

    Example:
        >>> from ltseg.counts.class_counts import ClassCounts
        >>> from ltseg.rules import Temperature
        >>> Temperature(gamma=0.5)(ClassCounts.from_list([16, 1])).scale.tolist()
        [1.0, 0.25]
    """

    short_name = 'temperatures'

    gamma: float = 0.3

    def __post_init__(self) -> None:
        super().__post_init__()
        check_range('Temperature.gamma', self.gamma, 0)

    def adjustment(self, counts: Tensor, given: ClassCounts) -> Adjustment:
        return Adjustment(scale=(counts / counts.max()) ** self.gamma)
