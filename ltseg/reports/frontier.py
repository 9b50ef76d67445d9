"""Where a method is on its curve of post-hoc adjustment."""

from collections.abc import Sequence

import torch
from torch import Tensor

from ltseg.core.curve_comparison import compared_levels, frontier
from ltseg.reports.record import Point, RunRecord

__all__ = ['best_with_accuracy', 'distance_above', 'trade_offs']


def trade_offs(record: RunRecord) -> list[Point]:
    """The points of the record's curve over tau that have both axes of its task."""
    return [point for point in record.tau_curve if all(key in point for key in record.evaluation.task.axes)]


def best_with_accuracy(record: RunRecord, level: float) -> float:
    """The highest mIoU on the record's curve over tau whose mAcc is at least ``level``; nan where none is.

    Of classifiers: top-1 and mean class accuracy. Between two neighbouring taus the curve is taken as straight.
    """
    quality, fairness = _curve(record)
    if not len(quality):
        return torch.nan
    return frontier(quality, fairness, torch.tensor([level], dtype=torch.float64)).item()


def distance_above(method: Sequence[RunRecord], baseline: Sequence[RunRecord]) -> float:
    """How far the curve of a method, as the mean over its runs, lies above that of a baseline, in points of mIoU.

    At the levels of :func:`ltseg.core.curve_comparison.compared_levels`; what ``ltseg choose`` calls "above CE".
    """
    ours, theirs = ([_curve(record) for record in records] for records in (method, baseline))
    levels = compared_levels([*ours, *theirs])
    best, reference = (
        torch.stack([frontier(*curve, levels) for curve in curves]).nanmean(0) for curves in (ours, theirs)
    )
    return (best - reference).nanmean().item()


def _curve(record: RunRecord) -> tuple[Tensor, Tensor]:
    """Quality and fairness in the order of tau."""
    quality, fairness = record.evaluation.task.axes
    points = sorted((point['tau'], point[quality], point[fairness]) for point in trade_offs(record))
    values = torch.tensor(points, dtype=torch.float64).view(-1, 3)
    return values[:, 1], values[:, 2]
