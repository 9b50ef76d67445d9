"""Methods compared by their whole curves of post-hoc adjustment."""

import math
from collections.abc import Sequence

from ltseg.core.errors import InvalidValueError
from ltseg.reports.comparison import compare
from ltseg.reports.record import RunRecord
from ltseg.reports.text_table import Cell, TextTable

__all__ = ['best_with_accuracy', 'frontier_table']


def best_with_accuracy(record: RunRecord, level: float) -> float:
    """The highest mIoU on the record's curve over tau whose mAcc is at least ``level``; nan where none is.

    Of classifiers: top-1 and mean class accuracy. Between two neighbouring taus the curve is taken as straight.
    """
    quality, fairness = record.evaluation.task.axes
    points = sorted((point['tau'], point[fairness], point[quality]) for point in record.tau_curve)
    reached = [iou for _, accuracy, iou in points if accuracy >= level]
    for (_, a, iou_a), (_, b, iou_b) in zip(points, points[1:], strict=False):
        if (a - level) * (b - level) < 0:
            reached.append(iou_a + (iou_b - iou_a) * (level - a) / (b - a))
    return max(reached, default=math.nan)


def frontier_table(records: Sequence[RunRecord], levels: Sequence[float]) -> TextTable:
    """A row for each method: as trained, the highest mIoU over tau, and the highest with at least a given mAcc.

    Reading down a column compares methods at the same mAcc: one that is above another in each column has the better
    curve, and not only another place on the same one. Several seeds are averaged.

    Raises:
        ValueError: If a record has no curve, or the records are not of one model, data set and split.
    """
    without = [record.name for record in records if not record.tau_curve]
    if without:
        hint = 'ltseg adjust writes it.'
        raise InvalidValueError('frontier', 'records with a curve over tau', ', '.join(without), hint)
    of = {(record.model, record.dataset, record.split) for record in records}
    if len(of) != 1:
        raise InvalidValueError('frontier', 'one model, data set and split', repr(sorted(of)))
    quality, fairness = records[0].evaluation.task.axes
    rows: list[list[Cell]] = []
    for method in compare(records).methods:
        runs = [run.record for run in method.runs]
        means = [run.evaluation.means() for run in runs]
        own = [(values[quality], values[fairness]) for values in means]
        highest = [max(point[quality] for point in run.tau_curve) for run in runs]
        reached = [_mean([best_with_accuracy(run, level) for run in runs]) for level in levels]
        trained = [_mean(column) for column in zip(*own, strict=True)]
        rows.append([method.label, str(len(runs)), *trained, _mean(highest), *reached])
    model, dataset, split = of.pop()
    header = ('method', 'seeds', quality, fairness, f'highest {quality}', *(f'{fairness} {each:g}' for each in levels))
    title = (
        f'{model}, {dataset} {split}: highest {quality} over tau with at least the {fairness} of the column, in percent'
    )
    return TextTable(title, header, rows)


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
