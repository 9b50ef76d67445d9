"""Class weights given by hand."""

from dataclasses import dataclass

import torch
from torch import Tensor

from ltseg.core.adjustment import Adjustment
from ltseg.core.errors import InvalidValueError
from ltseg.counts.class_counts import ClassCounts
from ltseg.registry import MODELS
from ltseg.rules.rule import Rule

__all__ = ['ClassWeights']


@MODELS.register_module()
@dataclass(frozen=True, kw_only=True)
class ClassWeights(Rule):
    """The weights as they are given, whatever the counts.

    Args:
        weights: One weight of at least 0 for each class.

    Example:
        >>> from ltseg.counts.class_counts import ClassCounts
        >>> from ltseg.rules import ClassWeights
        >>> ClassWeights(weights=(1.0, 3.0))(ClassCounts.from_list([90, 10])).weight.tolist()
        [1.0, 3.0]
    """

    short_name = 'class weights'

    weights: tuple[float, ...] = ()

    defined_at_zero = True
    uses_counts = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.weights or not all(w >= 0 for w in self.weights):
            raise InvalidValueError('class_weight', 'a number of at least 0 for each class', repr(self.weights))

    def adjustment(self, counts: Tensor, given: ClassCounts) -> Adjustment:
        if counts.numel() != len(self.weights):
            raise InvalidValueError('class_weight', f'{counts.numel()} weights, as the logits', repr(len(self.weights)))
        return Adjustment(weight=torch.tensor(self.weights, dtype=counts.dtype, device=counts.device))
