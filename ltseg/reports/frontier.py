"""Where a method is on its curve of post-hoc adjustment."""

import math

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
    points = sorted((point['tau'], point[fairness], point[quality]) for point in trade_offs(record))
    reached = [iou for _, accuracy, iou in points if accuracy >= level]
    for (_, a, iou_a), (_, b, iou_b) in zip(points, points[1:], strict=False):
        if (a - level) * (b - level) < 0:
            reached.append(iou_a + (iou_b - iou_a) * (level - a) / (b - a))
    return max(reached, default=math.nan)
