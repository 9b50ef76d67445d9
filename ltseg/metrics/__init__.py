"""Metrics with a number for every class and for groups of classes by their frequency."""

import ltseg.registry  # noqa: F401  isort: skip (names mmengine where it is missing)

from ltseg.metrics.image_iou import ImageIoU
from ltseg.metrics.long_tail_accuracy import LongTailAccuracy
from ltseg.metrics.long_tail_iou import LongTailIoU

__all__ = ['ImageIoU', 'LongTailAccuracy', 'LongTailIoU']
