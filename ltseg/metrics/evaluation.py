"""What an evaluation found: the confusion matrix, and every metric that follows from it."""

import io
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text
from torch import Tensor

from ltseg.core.calibration import Calibration
from ltseg.core.confusion import ClassRates, mean_of
from ltseg.core.errors import InvalidValueError
from ltseg.core.shares import shares_of
from ltseg.counts.groups import ClassGroups
from ltseg.metrics.task import SEGMENTATION, Task

__all__ = ['ABSENT', 'Evaluation']

ABSENT = 'absent'
MANY_CLASSES = 300  # from here on the description leaves the single classes out


@dataclass(frozen=True, eq=False)
class Evaluation:
    """A confusion matrix with the names and the groups of its classes.

    Args:
        matrix: Samples (pixels or images) by truth (rows) and prediction (columns), (K, K) int64.
        class_names: The K names.
        groups: Head, medium and tail; or many, medium and few.
        counts: Samples of each class that the groups are made from, (K,).
        counts_from: What ``counts`` counted, as the end of a sentence, e.g. 'the training labels'.
        task: Whose names the metrics have.
        calibration: Confidences of the predictions, where they are known.

    Raises:
        ValueError: If the sizes differ, or the matrix holds something else than counts.

    Example:
        >>> import torch
        >>> from ltseg.counts.groups import ClassGroups
        >>> from ltseg.metrics.evaluation import Evaluation
        >>> matrix, counts = torch.tensor([[8, 0, 0], [2, 4, 0], [0, 1, 1]]), torch.tensor([900, 90, 10])
        >>> groups = ClassGroups.tertiles(counts)
        >>> metrics = Evaluation(matrix, ('road', 'car', 'pole'), groups, counts, 'the training labels').metrics()
        >>> metrics['IoU/road'], metrics['Acc/road'], metrics['mIoU_tail']  # 8 of 10, 8 of 8, 1 of 2
        (80.0, 100.0, 50.0)
    """

    matrix: Tensor
    class_names: tuple[str, ...]
    groups: ClassGroups
    counts: Tensor
    counts_from: str
    task: Task = SEGMENTATION
    calibration: Calibration | None = None

    def __post_init__(self) -> None:
        size = len(self.class_names)
        if self.matrix.shape != (size, size) or self.matrix.dtype != torch.int64 or bool((self.matrix < 0).any()):
            got = f'{tuple(self.matrix.shape)} {self.matrix.dtype}'
            raise InvalidValueError('Evaluation.matrix', f'({size}, {size}) int64 counts of at least 0', got)
        if self.counts.shape != (size,) or self.groups.num_classes != size:
            got = f'{self.counts.numel()} counts and groups of {self.groups.num_classes}'
            raise InvalidValueError('Evaluation', f'counts and groups of {size} classes', got)
        if self.groups.names != self.task.group_names:
            raise InvalidValueError('Evaluation.groups', f'the groups {self.task.group_names}', repr(self.groups.names))
        if self.calibration is not None and len(self.calibration.samples) != size:
            raise InvalidValueError('Evaluation.calibration', f'{size} classes', repr(len(self.calibration.samples)))

    @cached_property
    def _class_rates(self) -> ClassRates:
        return ClassRates.of(self.matrix)

    @cached_property
    def rates(self) -> dict[str, Tensor]:
        """The task's rates of each class in percent, (K,) float64 each; nan where a class is absent.

        'IoU', 'Acc' and 'Precision' in segmentation, 'accuracy' and 'precision' in classification.
        """
        return {name: getattr(self._class_rates, attribute) for name, attribute in self.task.rates}

    @cached_property
    def absent(self) -> tuple[bool, ...]:
        """Whether each class is absent from the ground truth."""
        return tuple((self.matrix.sum(1) == 0).tolist())

    @cached_property
    def share(self) -> Tensor:
        """Share of each class in ``counts``, in percent, (K,) float64; all 0 where ``counts`` are."""
        return 100 * shares_of(self.counts)

    def mean(self, rate: str, group: str | None = None) -> float:
        """Mean of a rate over the classes of a group, or over all, without the absent ones."""
        return mean_of(self.rates[rate], self.groups.of(group) if group else None)

    def means(self) -> dict[str, float]:
        """The metrics that are not of a single class, see ``metrics``."""
        values = {self.task.overall: self._class_rates.overall}
        values |= {self.task.key(rate): self.mean(rate) for rate in self.rates}
        for rate in self.task.grouped:
            values |= {self.task.key(rate, group): self.mean(rate, group) for group in self.groups.names}
        errors = {}
        if self.calibration is not None:
            errors = {f'ece/{name}': self.calibration.error(classes) for name, classes in self.groups.items()}
            errors = {'ece/all': self.calibration.error(), **errors}
        return {key: values[key] for key in self.task.summary} | errors

    def class_key(self, rate: str, index: int) -> str:
        """Key of the rate of the class ``index``."""
        return f'{rate}/{self.labels[index]}'

    @cached_property
    def labels(self) -> list[str]:
        """The names of the classes, different from each other and from the names of means."""
        return self.task.labels(self.class_names)

    def metrics(self) -> dict[str, float]:
        """Every metric by its key, in percent and not rounded; nan where no class of the ground truth is left.

        Segmentation: ``mIoU mAcc aAcc mPrecision``, ``mIoU_head ... mAcc_tail``, and ``IoU/<class> Acc/<class>
        Precision/<class>``. Classification: ``accuracy/top1 accuracy/mean_class precision/mean_class``,
        ``accuracy/many accuracy/medium accuracy/few``, ``ece/all ece/many ece/medium ece/few``, and
        ``accuracy/<class> precision/<class>``.
        """
        values = self.means()
        for rate, of_class in self.rates.items():
            named = enumerate(of_class.tolist())
            values |= {self.class_key(rate, index): value for index, value in named}
        return values

    def describe(self) -> str:
        """The per-class table, the means and the groups, for the log."""
        origin = f'Shares and groups are from {self.counts_from}.'
        table = _as_text(('class', 'group', 'share', *self.rates), list(self._rows()))
        return '\n'.join((table, *self.overall_lines(), self.groups.describe(self.class_names), origin))

    def _rows(self) -> Iterator[tuple[str, ...]]:
        share, absent = self.share.tolist(), self.absent
        for index in range(len(self.class_names) if len(self.class_names) <= MANY_CLASSES else 0):
            values = (ABSENT if absent[index] else f'{rate[index].item():.2f}' for rate in self.rates.values())
            yield self.class_names[index], self.groups.group_of(index), f'{share[index]:.3g} %', *values
        for group in (*self.groups.names, None):
            means = (f'{self.mean(rate, group):.2f}' for rate in self.rates)
            yield f'mean {group}' if group else 'mean', '', '', *means

    def overall_lines(self) -> list[str]:
        """Sentences on what is measured over all samples."""
        values = self.means()
        lines = [f'{self.task.overall_name}: {values[self.task.overall]:.2f}']
        errors = {key: value for key, value in values.items() if key.startswith('ece/') and not math.isnan(value)}
        if errors:
            parts = (f'{key.removeprefix("ece/")} {value:.2f}' for key, value in errors.items())
            lines.append(f'Expected calibration error: {", ".join(parts)}')
        return lines


def _as_text(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table for a log file: as wide as its cells, whatever the terminal is, and without colors."""
    table = Table(box=box.MARKDOWN)
    for column, name in enumerate(header):
        table.add_column(name, justify='left' if column < 2 else 'right', no_wrap=True)
    for row in rows:
        table.add_row(*map(Text, row))  # Text, because names of classes may hold what rich takes for markup
    console = Console(file=io.StringIO(), width=10**6, color_system=None)
    with console.capture() as shown:
        console.print(table)
    return shown.get().strip()
