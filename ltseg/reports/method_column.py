"""One method of a comparison: the metrics of its runs, measured or published."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import fmean, stdev

from ltseg.core.errors import InvalidValueError
from ltseg.metrics.evaluation import ABSENT, Evaluation
from ltseg.metrics.task import CLASSIFICATION
from ltseg.reports.published import PublishedRun
from ltseg.reports.record import RunRecord
from ltseg.reports.text_table import Cell, number_text

__all__ = ['DEVIATION_FROM', 'MethodColumn', 'measured_column', 'published_column']

DEVIATION_FROM = 3  # seeds; below that a standard deviation says nothing, so every value is shown


@dataclass(frozen=True)
class MethodColumn:
    """One method: the metrics of its runs, which differ in their seeds.

    Args:
        method: Its name.
        setting: Model, data set and split (empty where unknown); differences are between columns of one setting.
        runs: Metrics of each run by their key.
        seeds: Of the runs; empty for a published one.
        tau_points: Points of the curve over post-hoc adjustment in each run.
        printed: Values that a paper printed and that are not the means of its rows, by their key.
        absent: Keys of rates of classes that no run's ground truth has.
    """

    method: str
    setting: tuple[str, str, str]
    runs: tuple[Mapping[str, float], ...]
    seeds: tuple[int | None, ...] = ()
    tau_points: tuple[int, ...] = ()
    printed: Mapping[str, float] = field(default_factory=dict)
    absent: frozenset[str] = frozenset()

    def values(self, key: str) -> list[float]:
        """The metric in each run; empty where the column does not have it."""
        return [run[key] for run in self.runs if key in run]

    def mean(self, key: str) -> float:
        """Mean over the runs; nan where a run has none."""
        values = self.values(key)
        return fmean(values) if values else math.nan

    def deviation(self, key: str) -> float:
        """Standard deviation (n - 1) over the runs; nan below three."""
        values = self.values(key)
        enough = len(values) >= DEVIATION_FROM and not any(map(math.isnan, values))
        return stdev(values) if enough else math.nan

    def cell(self, key: str, baseline: 'MethodColumn') -> Cell:
        """The metric: each value below three runs, else mean and standard deviation; and the difference."""
        values = self.values(key)
        if key in self.absent:
            return ABSENT
        if not values or all(map(math.isnan, values)):
            return math.nan
        deviation, difference = self.deviation(key), self.mean(key) - baseline.mean(key)
        text = ', '.join(map(number_text, values))
        if not math.isnan(deviation):
            text = f'{number_text(self.mean(key))} ± {deviation:.2f}'
        if key in self.printed:
            text = f'{text} [printed {number_text(self.printed[key])}]'
        if baseline is not self and not math.isnan(difference):
            text = f'{text} ({difference:+.2f})'
        return text


def measured_column(runs: Sequence[RunRecord], reference: Evaluation) -> MethodColumn:
    first = runs[0]
    return MethodColumn(
        first.method,
        (first.model, first.dataset, first.split),
        tuple(replace(run.evaluation, groups=reference.groups).metrics() for run in runs),
        tuple(run.seed for run in runs),
        tuple(len(run.tau_curve) for run in runs),
        absent=frozenset(
            reference.class_key(rate, index)
            for index, nowhere in enumerate(map(all, zip(*(run.evaluation.absent for run in runs), strict=True)))
            for rate in reference.rates
            if nowhere
        ),
    )


def published_column(run: PublishedRun, reference: Evaluation) -> MethodColumn:
    """A paper's rows as a column, with the means computed from them; or the means that it printed, without rows."""
    if not run.rates:
        size = len(reference.class_names)
        if reference.task is not CLASSIFICATION or run.num_classes != size:
            got = f'{size} classes of {reference.task.name}'
            raise InvalidValueError('published run', f'{run.num_classes} classes, as {run.dataset} has', got)
        return MethodColumn(f'{run.method} ({run.paper})', (run.model, run.dataset, ''), (run.means,))
    unmatched = sorted(set(reference.class_names) ^ set(run.rates['IoU']))
    if unmatched:
        expected = f'the classes of the {run.paper} ({run.dataset})'
        raise InvalidValueError('published run', expected, f'others: they differ in {", ".join(unmatched)}')
    metrics: dict[str, float] = {}
    printed: dict[str, float] = {}
    for rate, of_class in run.rates.items():
        metrics |= {f'{rate}/{name}': of_class[name] for name in reference.class_names}
        metrics[f'm{rate}'] = fmean(of_class[name] for name in reference.class_names)
        if abs(metrics[f'm{rate}'] - run.means[rate]) > 0.0101:  # more than rounding
            printed[f'm{rate}'] = run.means[rate]
        for group, classes in reference.groups.items():
            if classes:
                metrics[f'm{rate}_{group}'] = fmean(of_class[reference.class_names[index]] for index in classes)
    return MethodColumn(f'{run.method} ({run.paper})', (run.model, run.dataset, ''), (metrics,), printed=printed)
