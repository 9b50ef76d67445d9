"""The prior as a bias of the logits: ARB, balanced softmax, logit adjustment."""

from dataclasses import dataclass

import torch
from torch import Tensor

from ltseg.core.adjustment import Adjustment
from ltseg.core.checks import check_range
from ltseg.counts.class_counts import ClassCounts
from ltseg.registry import MODELS
from ltseg.rules.rule import Rule

__all__ = ['PriorBias']


@MODELS.register_module()
@dataclass(frozen=True, kw_only=True)
class PriorBias(Rule):
    """Adds the logarithm of the class counts to the logits::

        bias_k = tau * log(n_k / max_m n_m)

    The maximum only fixes the free constant, such that equal counts give a bias of exactly 0. Classes without samples
    get -inf: they are outside the softmax and are not repelled.

    Args:
        tau: Strength; 1 is ARB and balanced softmax.
        smoothing: Samples added to every class, which brings absent classes back into the softmax (our extension).

    Source:
        Xie et al., Neural Collapse Inspired Attraction-Repulsion-Balanced Loss for Imbalanced Learning,
        Neurocomputing 2023, eq. 14: ``log sum_k (n_k / n_y) e^(z_k) - z_y`` is the cross entropy of ``z + log n``.
        Ren et al., Balanced Meta-Softmax for Long-Tailed Visual Recognition, NeurIPS 2020, eq. 3. Menon et al.,
        Long-Tail Learning via Logit Adjustment, ICLR 2021, eq. 10.

    Example:
        >>> from ltseg.counts.class_counts import ClassCounts
        >>> from ltseg.rules import PriorBias
        >>> PriorBias()(ClassCounts.from_list([90, 10, 0])).bias.exp().tolist()  # e^bias = n / n_max
        [1.0, 0.11111111111111109, 0.0]
    """

    short_name = 'prior bias'

    tau: float = 1.0
    smoothing: float = 0.0

    defined_at_zero = True

    def __post_init__(self) -> None:
        super().__post_init__()
        check_range('PriorBias.tau', self.tau, -1e6, 1e6)
        check_range('PriorBias.smoothing', self.smoothing, 0)

    def adjustment(self, counts: Tensor, given: ClassCounts) -> Adjustment:
        counts = counts + self.smoothing
        bias = self.tau * torch.log(counts / counts.max())
        if self.tau <= 0:  # 0 * -inf is nan, and a negative tau would make an absent class certain
            bias = bias.where(counts > 0, 0.0 if self.tau == 0 else -torch.inf)
        # A batch without valid labels has no prior.
        return Adjustment(bias=bias.where(counts.max() > 0, 0.0))
