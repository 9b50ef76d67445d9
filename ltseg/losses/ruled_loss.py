"""What every loss that applies rules shares: the rules, their counts, and their adjustment of a batch."""

from collections.abc import Sequence
from functools import reduce
from operator import and_
from typing import Any

import torch
from torch import Tensor

from ltseg.core.adjustment import Adjustment
from ltseg.core.graph_capture import RUN_BEFORE, refuse_capture
from ltseg.core.torch_versions import is_compiling
from ltseg.counts.class_counts import ClassCounts
from ltseg.counts.running_recall import RunningRecall
from ltseg.counts.sources import build_counts
from ltseg.losses.logits_loss import LogitsLoss
from ltseg.registry import MODELS
from ltseg.rules import ClassWeights, Rule, Weighting

__all__ = ['RuledLoss', 'weighting_rules']


def weighting_rules(class_weight: Sequence[float] | str | None) -> list[Rule]:
    """The rule of an option ``class_weight``: one weight for each class, the name of a scheme, or None."""
    if class_weight is None:
        return []
    if isinstance(class_weight, str):
        return [Weighting(scheme=class_weight)]  # type: ignore[arg-type]
    return [ClassWeights(weights=tuple(class_weight))]


class RuledLoss(LogitsLoss):
    """A loss on logits under a list of rules, which may grow during training.

    Args:
        rules: Rules, or their configs: ``dict(type='ltseg.PriorBias', tau=1.0)``.
        **options: As for :class:`ltseg.losses.logits_loss.LogitsLoss`. ``counts`` is 'batch' by default where no rule
            uses counts.

    Raises:
        ValueError: If a rule is undefined at zero counts, which these ``counts`` may hold.

    Example:
        >>> import torch
        >>> from ltseg.losses import RuledLoss
        >>> class WeightedSquares(RuledLoss):
        ...     def prepare(self, logits, labels, ignore_index):
        ...         weight = self.adjustment(logits, labels, ignore_index).weight  # (K,)
        ...         return lambda logits, labels: (weight[labels] * logits.square().sum(1), weight[labels])
        >>> loss = WeightedSquares([dict(type='ltseg.Weighting', scheme='inverse')], counts=[9, 3], average='weight')
        >>> loss(torch.tensor([[1.0, 0.0], [0.0, 2.0]]), torch.tensor([0, 1])).item()  # (0.5 + 1.5 * 4) / (0.5 + 1.5)
        3.25
    """

    def __init__(self, rules: Sequence[Rule | dict] = (), **options: Any) -> None:
        built: list[Rule] = [MODELS.build(rule) if isinstance(rule, dict) else rule for rule in rules]
        counts = {} if any(rule.uses_counts for rule in built) else {'counts': 'batch'}  # nothing to wait for
        super().__init__(**{**counts, **options})
        self.rules = built
        self._counts_given = 'counts' in options
        self._checked: ClassCounts | None = None
        self._kept: dict[int, tuple[Any, Adjustment]] = {}  # by the place of the rule: of what, and the adjustment
        self._check_varying(built)
        self.check_counts()
        self._follow_recall(built)

    def expect_rules(self, rules: Sequence[Rule]) -> None:
        """Gets ready for rules that ``add_rules`` brings during training; the loss stays what it is.

        They follow the counts of this loss. Where it needed none and was given none, those are the data set's.

        Raises:
            ValueError: As the class does.
        """
        unused = not self._counts_given and not any(rule.uses_counts for rule in self.rules)
        if unused and any(rule.uses_counts for rule in rules):
            self.counts = build_counts('dataset', self.sync, unit=self.unit)
        self._check_varying([*self.rules, *rules])
        self._follow_recall(rules)

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

    def _follow_recall(self, rules: Sequence[Rule]) -> None:
        # Not in every loss: it is part of checkpoints.
        if self.recall is None and any(rule.uses_recall for rule in rules):
            self.recall = RunningRecall(self.sync, self.momentum)

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
        if rule.uses_recall and self.recall is not None:
            return rule(self.recall(counts))
        if is_compiling() or (rule.uses_counts and not self.counts.constant):
            return rule(counts)
        given = (rule, counts if rule.uses_counts else (counts.num_classes, counts.samples.device))
        if place not in self._kept or self._kept[place][0] != given:
            refuse_capture(type(self).__name__, 'before the constants of the loss are on the device', RUN_BEFORE)
            with torch.inference_mode(False):
                self._kept[place] = given, rule(counts)
        return self._kept[place][1]

    def inspect_counts(self, logits: Tensor, counts: ClassCounts) -> None:
        """For subclasses that warn of counts under which they do nothing."""
