"""Metrics with a number for every class and for groups of classes by their frequency."""

from ltseg.metrics.long_tail_accuracy import LongTailAccuracy
from ltseg.metrics.long_tail_iou import LongTailIoU

__all__ = ['LongTailAccuracy', 'LongTailIoU']
