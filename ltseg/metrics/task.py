"""What segmentation and classification call their samples, rates and metrics."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from ltseg.counts.groups import GROUP_NAMES, ClassGroups, build_groups
from ltseg.counts.shots import SHOT_NAMES, build_shots

__all__ = ['CLASSIFICATION', 'SEGMENTATION', 'TASKS', 'Task', 'task_of']


@dataclass(frozen=True)
class Task:
    """Names and keys of a task.

    Args:
        name: Of the task.
        scope: The package whose models do it, which is the default scope of its configs.
        unit: What one sample is, in the plural.
        rates: Each rate's name, and the attribute of ``ClassRates`` that it is.
        recall: The rate that is the accuracy of a class.
        grouped: Rates whose means over groups are metrics.
        mean_form: Key of a rate's mean over all classes, with 'rate' to fill in.
        group_form: Key of a rate's mean over a group, with 'rate' and 'group'.
        means: Keys of means over all classes and samples, in the order of tables.
        overall: Key among them of the share of all samples that are right.
        overall_name: What people call it.
        group_names: From frequent to rare.
        groups: Makes the groups from the option of the metric, the counts of the classes, their names, and the class
            that is the ignored label, if any.
        axes: Keys of the quality that counts the most, and of what serves rare classes.

    Example:
        >>> from ltseg.metrics.task import CLASSIFICATION, SEGMENTATION
        >>> SEGMENTATION.key('IoU', 'tail'), CLASSIFICATION.key('accuracy', 'few')
        ('mIoU_tail', 'accuracy/few')
        >>> SEGMENTATION.labels(['road', 'pole', 'road'])
        ['road (0)', 'pole', 'road (2)']
    """

    name: str
    scope: str
    unit: str
    rates: tuple[tuple[str, str], ...]
    recall: str
    grouped: tuple[str, ...]
    mean_form: str
    group_form: str
    means: tuple[str, ...]
    overall: str
    overall_name: str
    group_names: tuple[str, ...]
    groups: Callable[[Any, Tensor, Sequence[str], int | None], ClassGroups]
    axes: tuple[str, str]

    def key(self, rate: str, group: str | None = None) -> str:
        """Key of the mean of a rate over a group, or over all classes."""
        return (self.group_form if group else self.mean_form).format(rate=rate, group=group)

    @property
    def summary(self) -> tuple[str, ...]:
        """Keys of all means in the order of tables."""
        return (*self.means, *(self.key(rate, group) for rate in self.grouped for group in self.group_names))

    @property
    def headline(self) -> tuple[str, ...]:
        """Keys of the two axes and of the rarest group, for one line."""
        return (*self.axes, self.key(self.grouped[0], self.group_names[-1]))

    def labels(self, class_names: Sequence[str]) -> list[str]:
        """Names of classes as keys have them: what occurs twice or is the name of a mean has its index behind it."""
        taken = Counter([*class_names, *(key.partition('/')[2] for key in self.summary)])
        return [name if taken[name] == 1 else f'{name} ({index})' for index, name in enumerate(class_names)]


SEGMENTATION = Task(
    name='segmentation',
    scope='mmseg',
    unit='pixels',
    rates=(('IoU', 'iou'), ('Acc', 'acc'), ('Precision', 'precision')),
    recall='Acc',
    grouped=('IoU', 'Acc'),
    mean_form='m{rate}',
    group_form='m{rate}_{group}',
    means=('mIoU', 'mAcc', 'aAcc', 'mPrecision'),
    overall='aAcc',
    overall_name='aAcc',
    group_names=GROUP_NAMES,
    groups=build_groups,
    axes=('mIoU', 'mAcc'),
)

CLASSIFICATION = Task(
    name='classification',
    scope='mmpretrain',
    unit='images',
    rates=(('accuracy', 'acc'), ('precision', 'precision')),
    recall='accuracy',
    grouped=('accuracy',),
    mean_form='{rate}/mean_class',
    group_form='{rate}/{group}',
    means=('accuracy/top1', 'accuracy/mean_class', 'precision/mean_class'),
    overall='accuracy/top1',
    overall_name='top-1',
    group_names=SHOT_NAMES,
    groups=build_shots,
    axes=('accuracy/top1', 'accuracy/mean_class'),
)

TASKS = {task.name: task for task in (SEGMENTATION, CLASSIFICATION)}


def task_of(config: Mapping[str, Any]) -> Task:
    """Classification where that is the default scope of a config, else segmentation."""
    return CLASSIFICATION if config.get('default_scope') == CLASSIFICATION.scope else SEGMENTATION
