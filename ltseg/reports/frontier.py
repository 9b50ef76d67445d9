"""Where a method is on its curve of post-hoc adjustment."""

import torch

from ltseg.core.curve_comparison import frontier
from ltseg.reports.record import Point, RunRecord

__all__ = ['best_with_accuracy', 'trade_offs']


def trade_offs(record: RunRecord) -> list[Point]:
    """The points of the record's curve over tau that have both axes of its task."""
    return [point for point in record.tau_curve if all(key in point for key in record.evaluation.task.axes)]


def best_with_accuracy(record: RunRecord, level: float) -> float:
    """The highest mIoU on the record's curve over tau whose mAcc is at least ``level``; nan where none is.

    Of classifiers: top-1 and mean class accuracy. Between two neighbouring taus the curve is taken as straight.
    """
    quality, fairness = record.evaluation.task.axes
    points = sorted((point['tau'], point[quality], point[fairness]) for point in trade_offs(record))
    values = torch.tensor(points, dtype=torch.float64).view(-1, 3)
    if not len(values):
        return torch.nan
    return frontier(values[:, 1], values[:, 2], torch.tensor([level], dtype=torch.float64)).item()
