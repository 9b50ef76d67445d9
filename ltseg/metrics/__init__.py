"""Metrics with a number for every class and for the head, medium and tail groups."""

from ltseg.metrics.long_tail_iou import LongTailIoU

__all__ = ['LongTailIoU']
