"""One method of a comparison: the metrics of its runs, measured or published, and its difference to the baseline."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from statistics import fmean, stdev

from torch import Tensor

from ltseg.metrics.evaluation import ABSENT, Evaluation
from ltseg.reports.difference import Difference
from ltseg.reports.runs import Run
from ltseg.reports.text_table import Cell, number_text

__all__ = ['DEVIATION_FROM', 'Method', 'measured']

DEVIATION_FROM = 3  # seeds; below that a standard deviation says nothing, so every value is shown


@dataclass(frozen=True, eq=False)
class Method:
    """One method: the metrics of its runs, which differ in their seeds only.

    Args:
        name: Its name.
        setting: Model, data set and split (empty where unknown); differences are within one setting.
        metrics: Of each run, by their key.
        runs: Of the metrics; empty for a published method.
        printed: Values that a paper printed and that are not the means of its rows, by their key.
        absent: Keys of rates of classes that no run's ground truth has.
        label: As reports show it: the name, and what else distinguishes the method from the others.
        index: Position in the report, which decides colour and marker.
        baseline: What it is compared to; None for the first method of a setting.

    Example:
        >>> from ltseg.reports.method import Method
        >>> setting = ('U-Net', 'CamVid', 'test')
        >>> baseline = Method('cross entropy', setting, metrics=({'mIoU': 50.0}, {'mIoU': 51.0}))
        >>> method = Method('ARB', setting, metrics=({'mIoU': 51.0}, {'mIoU': 52.0}, {'mIoU': 53.0}), baseline=baseline)
        >>> baseline.cell('mIoU'), method.cell('mIoU')
        ('50.00, 51.00', '52.00 ± 1.00 (+1.50)')
    """

    name: str
    setting: tuple[str, str, str]
    metrics: tuple[Mapping[str, float], ...]
    runs: tuple[Run, ...] = ()
    printed: Mapping[str, float] = field(default_factory=dict)
    absent: frozenset[str] = frozenset()
    label: str = ''
    index: int = 0
    baseline: 'Method | None' = None

    def has(self, key: str) -> bool:
        """Whether any run has the metric."""
        return any(key in metrics for metrics in self.metrics)

    def values(self, key: str) -> list[float]:
        """The metric in each run, nan where a run has none; empty where none has, or the class is absent."""
        if key in self.absent or not self.has(key):
            return []
        return [metrics.get(key, math.nan) for metrics in self.metrics]

    def known(self, key: str) -> list[float]:
        """The metric in the runs that have a value."""
        return [value for value in self.values(key) if not math.isnan(value)]

    def mean(self, key: str) -> float:
        """Mean over the runs that have a value; nan where none has."""
        return fmean(known) if (known := self.known(key)) else math.nan

    def deviation(self, key: str) -> float:
        """Standard deviation (n - 1) over the runs that have a value; nan below three."""
        return stdev(known) if len(known := self.known(key)) >= DEVIATION_FROM else math.nan

    def coverage(self, key: str) -> str:
        """How many runs have a value, '2 of 3 seeds'; empty where all have."""
        known, number = len(self.known(key)), len(self.values(key))
        return f'{known} of {number} seeds' if known < number else ''

    def difference(self, key: str) -> Difference:
        """To the baseline; of a method without one, nan."""
        return Difference.between(self.values(key), self.baseline.values(key) if self.baseline else [])

    def cell(self, key: str) -> Cell:
        """The metric: each value below three runs, else mean and standard deviation; and the difference.

        Where runs lack a value, the mean over the others and their number.
        """
        if key in self.absent:
            return ABSENT
        mean, deviation, coverage = self.mean(key), self.deviation(key), self.coverage(key)
        if math.isnan(mean):
            return math.nan
        text = number_text(mean) if coverage else ', '.join(map(number_text, self.values(key)))
        if not math.isnan(deviation):
            text = f'{number_text(mean)} ± {deviation:.2f}'
        if coverage:
            text = f'{text} ({coverage})'
        if key in self.printed:
            text = f'{text} [printed {number_text(self.printed[key])}]'
        difference = self.difference(key)
        return f'{text} ({difference.value:+.2f})' if difference.known else text

    @property
    def tau_points(self) -> str:
        """Points of the curve over post-hoc adjustment in each run that has one."""
        return ', '.join(f'{len(run.record.tau_curve)} points' for run in self.runs if run.record.tau_curve) or 'none'

    @cached_property
    def matrix(self) -> Tensor:
        """The confusion matrices of the runs added up, (K, K) int64."""
        matrices = [run.record.evaluation.matrix for run in self.runs]
        return sum(matrices[1:], matrices[0])

    @property
    def is_posthoc(self) -> bool:
        """Whether it is another method with its predictions adjusted after training."""
        return bool(self.runs) and 'posthoc' in self.runs[0].record.settings


def measured(runs: Sequence[Run], reference: Evaluation) -> Method:
    """The method of runs that differ in their seeds only, with the groups of ``reference``."""
    first, evaluations = runs[0].record, [run.record.evaluation for run in runs]
    shared = (replace(run.record, evaluation=replace(run.record.evaluation, groups=reference.groups)) for run in runs)
    metrics = tuple(record.metrics() for record in shared)
    nowhere = [all(absent) for absent in zip(*(evaluation.absent for evaluation in evaluations), strict=True)]
    gone = [index for index, absent in enumerate(nowhere) if absent]
    keys = frozenset(reference.class_key(rate, index) for index in gone for rate in reference.rates)
    return Method(first.method, first.setting, metrics, tuple(runs), absent=keys)
