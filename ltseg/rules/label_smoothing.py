"""Label smoothing that depends on the class."""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from ltseg.core.adjustment import Adjustment
from ltseg.core.checks import check_choice, check_range
from ltseg.counts.class_counts import ClassCounts
from ltseg.registry import MODELS
from ltseg.rules.rule import Rule

__all__ = ['LabelSmoothing']


@MODELS.register_module()
@dataclass(frozen=True, kw_only=True)
class LabelSmoothing(Rule):
    """Smooths the labels of frequent classes more::

        q = (1 - e_y) * onehot(y) + e_y / K,    u = (n_y - n_min) / (n_max - n_min)
        concave      e_y = tail + (head - tail) * sin(pi u / 2)
        linear       e_y = tail + (head - tail) * u
        convex       e_y = head + (head - tail) * sin(3 pi / 2 + pi u / 2)
        exponential  e_y = tail + (head - tail) * u^power

    With equal counts every class gets ``head``.

    Args:
        head: Smoothing of the most frequent class.
        tail: Smoothing of the rarest class.
        shape: How the smoothing runs between them.
        power: Exponent of 'exponential'.
        exclude_true: Spread e_y over the K - 1 other classes only, as the paper's text has it. The released code, which
            is the default here, gives the label's class its share too.

    Source:
        Zhong et al., Improving Calibration for Long-Tailed Recognition (MiSLAS), CVPR 2021, eq. 5-8.

    Example:
        >>> from ltseg.counts.class_counts import ClassCounts
        >>> from ltseg.rules import LabelSmoothing
        >>> LabelSmoothing(shape='linear')(ClassCounts.from_list([100, 55, 10])).smoothing.tolist()
        [0.4, 0.25, 0.1]
    """

    short_name = 'label smoothing'

    head: float = 0.4
    tail: float = 0.1
    shape: Literal['concave', 'linear', 'convex', 'exponential'] = 'concave'
    power: float = 1.0
    exclude_true: bool = False

    defined_at_zero = True

    def __post_init__(self) -> None:
        super().__post_init__()
        check_range('LabelSmoothing.head', self.head, 0, 1)
        check_range('LabelSmoothing.tail', self.tail, 0, 1)
        check_range('LabelSmoothing.power', self.power, 0)
        check_choice('LabelSmoothing.shape', self.shape, ('concave', 'linear', 'convex', 'exponential'))

    @property
    def uses_counts(self) -> bool:  # type: ignore[override]
        return self.head != self.tail

    def adjustment(self, counts: Tensor, given: ClassCounts) -> Adjustment:
        spread = counts.max() - counts.min()
        u = ((counts - counts.min()) / spread.where(spread > 0, 1.0)).where(spread > 0, 1.0)
        rise = {
            'concave': torch.sin(torch.pi * u / 2),
            'linear': u,
            'convex': 1 + torch.sin(1.5 * torch.pi + torch.pi * u / 2),
            'exponential': u**self.power,
        }[self.shape]
        smoothing = self.tail + (self.head - self.tail) * rise
        if self.exclude_true:
            smoothing = smoothing * (counts.numel() / (counts.numel() - 1))
        return Adjustment(smoothing=smoothing)
