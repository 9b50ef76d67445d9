"""What a report is about: methods, each with the runs of its seeds, and how they differ from the baseline."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from torch import Tensor

from ltseg.counts.groups import by_frequency
from ltseg.metrics.evaluation import Evaluation
from ltseg.reports.comparison import Comparison, compare
from ltseg.reports.method_column import MethodColumn
from ltseg.reports.page.runs import Run
from ltseg.reports.record import RunRecord

__all__ = ['CLEAR', 'SINGLE', 'WITHIN', 'Difference', 'Method', 'Study']

CLEAR, WITHIN, SINGLE = 'clear', 'within', 'single'
WIDEST = 2.0  # times the widest spread of the seeds that a clear difference is larger than


@dataclass(frozen=True)
class Difference:
    """A metric of a method minus that of its baseline, in percentage points.

    Args:
        value: Difference of the means over the seeds; nan where either has none.
        low: The smallest difference between any two seeds.
        high: The largest.
        verdict: ``CLEAR``, ``WITHIN`` the spread of the seeds, or ``SINGLE`` where a method has one seed.
    """

    value: float
    low: float
    high: float
    verdict: str

    @property
    def known(self) -> bool:
        """Whether both methods have the metric."""
        return not math.isnan(self.value)

    @classmethod
    def between(cls, ours: Sequence[float], theirs: Sequence[float]) -> 'Difference':
        """From the values of the seeds of two methods.

        A difference is clear if all seeds of one method are above all of the other, and the means are further apart
        than twice the widest spread, from lowest to highest, within a method. Of differences that are pure chance
        (normal, same variance) this calls 7 in 100 clear with two seeds each, 5 in 1000 with three.
        """
        ours, theirs = ([value for value in values if not math.isnan(value)] for values in (ours, theirs))
        if not ours or not theirs:
            return cls(math.nan, math.nan, math.nan, SINGLE)
        value = sum(ours) / len(ours) - sum(theirs) / len(theirs)
        low, high = min(ours) - max(theirs), max(ours) - min(theirs)
        if min(len(ours), len(theirs)) < 2:
            return cls(value, low, high, SINGLE)
        spread = max(max(values) - min(values) for values in (ours, theirs))
        clear = low * high > 0 and abs(value) > WIDEST * spread
        return cls(value, low, high, CLEAR if clear else WITHIN)


@dataclass(frozen=True, eq=False)
class Method:
    """The runs of one method.

    Args:
        label: As the page shows it.
        column: Metrics of the runs.
        runs: In the order of the column.
        index: Position on the page, which decides colour and marker.
        baseline: What it is compared to; None for the first method of a model, data set and split.
    """

    label: str
    column: MethodColumn
    runs: tuple[Run, ...]
    index: int
    baseline: 'Method | None' = None

    def values(self, key: str) -> list[float]:
        """The metric in each run; empty where the class is absent."""
        return [] if key in self.column.absent else self.column.values(key)

    def mean(self, key: str) -> float:
        """Mean over the runs; nan where there is none."""
        values = [value for value in self.values(key) if not math.isnan(value)]
        return sum(values) / len(values) if values else math.nan

    def difference(self, key: str) -> Difference:
        """To the baseline; of a method without one, nan."""
        theirs = self.baseline.values(key) if self.baseline else []
        return Difference.between(self.values(key), theirs)

    @cached_property
    def matrix(self) -> Tensor:
        """The confusion matrices of the runs added up, (K, K) int64."""
        matrices = [run.record.evaluation.matrix for run in self.runs]
        return sum(matrices[1:], matrices[0])

    @property
    def is_posthoc(self) -> bool:
        """Whether it is another method with its predictions adjusted after training."""
        return 'posthoc' in self.runs[0].record.settings


@dataclass(frozen=True, eq=False)
class Study:
    """Methods over the same classes.

    Args:
        comparison: Of their records.
        methods: In the order of the comparison.
    """

    comparison: Comparison
    methods: tuple[Method, ...]

    @classmethod
    def of(cls, runs: Sequence[Run]) -> 'Study':
        """Puts runs that differ in their seeds only together; the first method of each setting is the baseline.

        Raises:
            ValueError: If the runs cannot be compared.
        """
        comparison = compare([run.record for run in runs])
        settings = list(zip(*(column.setting for column in comparison.columns), strict=True))
        varying = [part for part, values in enumerate(settings) if len(set(values)) > 1]
        methods: list[Method] = []
        for column in comparison.columns:
            label = ', '.join((column.method, *(column.setting[part] for part in varying)))
            inside = tuple(run for run in runs if _key(run.record) == (column.method, column.setting))
            baseline = next((each for each in methods if each.column.setting == column.setting), None)
            methods.append(Method(label, column, inside, len(methods), baseline))
        return cls(comparison, tuple(methods))

    @property
    def reference(self) -> Evaluation:
        """Whose classes, groups and shares are those of all methods."""
        return self.comparison.reference

    @property
    def compared(self) -> list[Method]:
        """The methods that have a baseline."""
        return [method for method in self.methods if method.baseline]

    @property
    def rates(self) -> list[str]:
        """Names of the rates, the one that counts the most first."""
        return list(self.reference.rates)

    @property
    def rarest(self) -> str:
        """Name of the group of rare classes."""
        return self.reference.groups.names[-1]

    @cached_property
    def order(self) -> list[int]:
        """The classes, the most frequent first."""
        return by_frequency(self.reference.counts)

    def key(self, rate: str, index: int) -> str:
        """Key of the rate of a class."""
        return self.reference.class_key(rate, index)


def _key(record: RunRecord) -> tuple[str, tuple[str, str, str]]:
    return record.method, (record.model, record.dataset, record.split)
