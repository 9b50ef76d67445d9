"""The loss that applies any list of rules."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from torch import Tensor

from ltseg.core.checks import check_range
from ltseg.core.differentiated_cross_entropy import AdjustedCrossEntropy
from ltseg.core.sample_losses import SampleLosses
from ltseg.losses.ruled_loss import RuledLoss
from ltseg.registry import MODELS
from ltseg.rules.rule import Rule

__all__ = ['LongTailLoss']


@MODELS.register_module()
class LongTailLoss(RuledLoss):
    """Adjusted cross entropy under a list of rules::

        z'_j = scale_j * z_j + bias_j - margin_j * [j = y]
        loss = weight_y * (1 - p_y)^focusing * (-log p_y),    p = softmax(z')

    with the terms that the rules make of the class counts (:class:`ltseg.core.adjustment.Adjustment`). Prediction uses
    the plain logits z.

    Args:
        rules: Rules, or their configs: ``dict(type='ltseg.PriorBias', tau=1.0)``. None gives cross entropy.
        focusing: Exponent of the focal factor; 0 leaves it out.
        keep_mean: Whether all losses are multiplied with one number, without gradient, with which their sum is that
            without the focal factor. It is that of all processes, with ``sync``.
        **options: As for :class:`ltseg.losses.logits_loss.LogitsLoss`. ``average`` is 'weight' by default.

    Raises:
        ValueError: If a rule is undefined at zero counts, which these ``counts`` may hold.

    Example:
        >>> import torch
        >>> from ltseg.losses import LongTailLoss
        >>> loss = LongTailLoss(rules=[dict(type='ltseg.PriorBias')], counts=[90, 10])
        >>> round(loss(torch.zeros(1, 2), torch.tensor([1])).item(), 4)  # -log(10 / 100)
        2.3026
    """

    short_name = '{rules}'

    def __init__(
        self, rules: Sequence[Rule | dict] = (), focusing: float = 0.0, keep_mean: bool = False, **options: Any
    ) -> None:
        super().__init__(rules, **{'average': 'weight', 'loss_name': 'loss_long_tail', **options})
        check_range(f'{type(self).__name__}.focusing', focusing, 0)
        self.focusing, self.keep_mean = focusing, keep_mean

    def prepare(self, logits: Tensor, labels: Tensor, ignore_index: int) -> SampleLosses:
        adjustment = self.adjustment(logits, labels, ignore_index)
        return AdjustedCrossEntropy(adjustment, self.focusing, ignore_index)

    def kept_losses(self, sample_losses: Any) -> SampleLosses | None:
        return replace(sample_losses, focusing=0.0) if self.keep_mean else None
