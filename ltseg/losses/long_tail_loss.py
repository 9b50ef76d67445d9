"""The loss that applies any list of rules."""

from collections.abc import Sequence
from functools import reduce
from operator import and_
from typing import Any

import torch
from torch import Tensor

from ltseg.core.adjustment import Adjustment
from ltseg.core.checks import check_range
from ltseg.core.differentiated_cross_entropy import AdjustedCrossEntropy
from ltseg.core.fused_upsampling import SampleLosses
from ltseg.core.graph_capture import RUN_BEFORE, refuse_capture
from ltseg.core.torch_versions import is_compiling
from ltseg.counts.class_counts import ClassCounts
from ltseg.counts.sources import build_counts
from ltseg.losses.logits_loss import LogitsLoss
from ltseg.registry import MODELS
from ltseg.rules.rule import Rule

__all__ = ['LongTailLoss']


@MODELS.register_module()
class LongTailLoss(LogitsLoss):
    """Adjusted cross entropy under a list of rules::

        z'_j = scale_j * z_j + bias_j - margin_j * [j = y]
        loss = weight_y * (1 - p_y)^focusing * (-log p_y),    p = softmax(z')

    with the terms that the rules make of the class counts (:class:`ltseg.core.adjustment.Adjustment`). Prediction uses
    the plain logits z.

    Args:
        rules: Rules, or their configs: ``dict(type='ltseg.PriorBias', tau=1.0)``. None gives cross entropy.
        focusing: Exponent of the focal factor; 0 leaves it out.
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

    def __init__(self, rules: Sequence[Rule | dict] = (), focusing: float = 0.0, **options: Any) -> None:
        built: list[Rule] = [MODELS.build(rule) if isinstance(rule, dict) else rule for rule in rules]
        counts = {} if any(rule.uses_counts for rule in built) else {'counts': 'batch'}  # nothing to wait for
        super().__init__(**{'average': 'weight', 'loss_name': 'loss_long_tail', **counts, **options})
        self.rules = built
        self.focusing, self._counts_given = focusing, 'counts' in options
        check_range(f'{type(self).__name__}.focusing', focusing, 0)
        self._checked: ClassCounts | None = None
        self._kept: dict[int, tuple[Any, Adjustment]] = {}  # by the place of the rule: of what, and the adjustment
        self._check_varying(built)
        self.check_counts()

    def expect_rules(self, rules: Sequence[Rule]) -> None:
        """Gets ready for rules that ``add_rules`` brings during training; the loss stays what it is.

        They follow the counts of this loss. Where it needed none and was given none, those are the data set's.

        Raises:
            ValueError: As the class does.
        """
        unused = not self._counts_given and not any(rule.uses_counts for rule in self.rules)
        if unused and any(rule.uses_counts for rule in rules):
            self.counts = build_counts('dataset', self.sync)
        self._check_varying([*self.rules, *rules])

    def add_rules(self, rules: Sequence[Rule]) -> None:
        """Applies further rules from now on."""
        self.rules, self._checked = [*self.rules, *rules], None

    def check_counts(self) -> None:
        """Checks the rules against the counts that every batch gets, where they are known and were not checked yet.

        Raises:
            ValueError: If a rule is undefined for a class without samples.
        """
        if self.counts.filled is not self._checked:
            self.check_rules(self.rules)
            self._checked = self.counts.filled

    def check_rules(self, rules: Sequence[Rule]) -> None:
        """Checks rules against the counts that every batch gets, where they are known.

        Raises:
            ValueError: If a rule is undefined for a class without samples.
        """
        counts = self.counts
        if counts.filled is not None:
            for rule in rules:
                rule.check_constant(counts.filled, counts.class_names, counts.cause_of_empty_classes)

    def _check_varying(self, rules: Sequence[Rule]) -> None:
        if any(rule.uses_counts for rule in rules) and not self.counts.constant:
            for rule in rules:
                rule.check_varying(self.counts.mode)

    def adjustment(self, logits: Tensor, labels: Tensor, ignore_index: int) -> Adjustment:
        """What the rules make of this batch's class counts, on the device and in the precision of ``logits``."""
        if not self.rules:
            return Adjustment()
        if not any(rule.uses_counts for rule in self.rules):
            counts = ClassCounts(torch.zeros(logits.shape[1], dtype=torch.int64, device=logits.device))
        else:
            counts = self.count(logits, labels, ignore_index)
            self.inspect_counts(logits, counts)
            if not is_compiling():  # which can neither look at values nor be made anew for it
                self.check_counts()
        parts = [self._of_rule(place, rule, counts) for place, rule in enumerate(self.rules)]
        return reduce(and_, parts).to(logits.device, logits.dtype)

    def _of_rule(self, place: int, rule: Rule, counts: ClassCounts) -> Adjustment:
        """The adjustment of a rule; what is the same for every batch is made once and stays on the device."""
        if is_compiling() or (rule.uses_counts and not self.counts.constant):
            return rule(counts)
        given = (rule, counts if rule.uses_counts else (counts.num_classes, counts.samples.device))
        if place not in self._kept or self._kept[place][0] != given:
            refuse_capture('LongTailLoss', 'before the constants of the loss are on the device', RUN_BEFORE)
            with torch.inference_mode(False):
                self._kept[place] = given, rule(counts)
        return self._kept[place][1]

    def inspect_counts(self, logits: Tensor, counts: ClassCounts) -> None:
        """For subclasses that warn of counts under which they do nothing."""

    def prepare(self, logits: Tensor, labels: Tensor, ignore_index: int) -> SampleLosses:
        adjustment = self.adjustment(logits, labels, ignore_index)
        return AdjustedCrossEntropy(adjustment, self.focusing, ignore_index)
