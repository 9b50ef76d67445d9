"""The ignored label of a config, settled before anything is built, with a word where a user may not know."""

import logging

from mmengine.config import Config
from mmengine.logging import print_log

from ltseg.counts.ignored_label import ignored_in_evaluation, ignored_in_training, settle_ignored_label
from ltseg.metrics.task import SEGMENTATION, task_of

__all__ = ['counted_label', 'settle_ignored']


def settle_ignored(config: Config, training: bool, says: bool = True) -> None:
    """Gives every place of a segmentation config that names no ignored label the one of training, and says so.

    Args:
        config: It is changed.
        training: Whether to refuse places that contradict each other, and to look at padding; an evaluation says what
            is evaluated with another label than training's.
        says: Whether to say it; not in each of several processes.

    Raises:
        ValueError: If places contradict each other.
    """
    if task_of(config) is not SEGMENTATION:
        return
    for word in settle_ignored_label(config, training):
        if says:
            print_log(word, logger='current', level=logging.WARNING)


def counted_label(config: Config, split: str) -> int | None:
    """The label that counts of a split leave out: that of training, or of the evaluation; None in classification."""
    if task_of(config) is not SEGMENTATION:
        return None
    return ignored_in_training(config) if split == 'train' else ignored_in_evaluation(config, split)
