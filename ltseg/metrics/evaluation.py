"""What an evaluation found: the confusion matrix, and every metric that follows from it."""

from dataclasses import dataclass
from functools import cached_property

import torch
from prettytable import PrettyTable
from torch import Tensor

from ltseg.core.checks import fault
from ltseg.core.confusion import ClassRates, mean_of
from ltseg.counts.groups import GROUP_NAMES, ClassGroups

__all__ = ['ABSENT', 'Evaluation']

ABSENT = 'absent'


@dataclass(frozen=True, eq=False)
class Evaluation:
    """A confusion matrix with the names and the groups of its classes.

    Args:
        matrix: Pixels by truth (rows) and prediction (columns), (K, K) int64.
        class_names: The K names.
        groups: Head, medium and tail.
        counts: Pixels of each class that the groups are made from, (K,).
        counts_from: What ``counts`` counted, as the end of a sentence, e.g. 'the training labels'.

    Raises:
        ValueError: If the sizes differ, or the matrix holds something else than counts.
    """

    matrix: Tensor
    class_names: tuple[str, ...]
    groups: ClassGroups
    counts: Tensor
    counts_from: str

    def __post_init__(self) -> None:
        size = len(self.class_names)
        if self.matrix.shape != (size, size) or self.matrix.dtype != torch.int64 or bool((self.matrix < 0).any()):
            got = f'{tuple(self.matrix.shape)} {self.matrix.dtype}'
            raise ValueError(fault('Evaluation.matrix', f'({size}, {size}) int64 counts of at least 0', got))
        if self.counts.shape != (size,) or self.groups.num_classes != size:
            got = f'{self.counts.numel()} counts and groups of {self.groups.num_classes}'
            raise ValueError(fault('Evaluation', f'counts and groups of {size} classes', got))

    @cached_property
    def rates(self) -> dict[str, Tensor]:
        """'IoU', 'Acc' and 'Precision' of each class in percent, (K,) float64 each; nan where a class is absent."""
        rates = ClassRates.of(self.matrix)
        return {'IoU': rates.iou, 'Acc': rates.acc, 'Precision': rates.precision}

    @property
    def absent(self) -> tuple[bool, ...]:
        """Whether each class is absent from the ground truth."""
        return tuple((self.matrix.sum(1) == 0).tolist())

    @property
    def share(self) -> Tensor:
        """Share of each class in ``counts``, in percent, (K,) float64."""
        counts = self.counts.double()
        return 100 * counts / counts.sum()

    def mean(self, rate: str, group: str | None = None) -> float:
        """Mean of 'IoU', 'Acc' or 'Precision' over the classes of a group, or over all, without the absent ones."""
        return mean_of(self.rates[rate], getattr(self.groups, group) if group else None)

    def metrics(self) -> dict[str, float]:
        """Every metric by its key, in percent and not rounded; nan where no class of the ground truth is left.

        ``mIoU mAcc aAcc mPrecision``, ``mIoU_head ... mAcc_tail``, and ``IoU/<class> Acc/<class> Precision/<class>``.
        """
        values = {'mIoU': self.mean('IoU'), 'mAcc': self.mean('Acc'), 'aAcc': ClassRates.of(self.matrix).overall}
        values['mPrecision'] = self.mean('Precision')
        values |= {f'm{rate}_{group}': self.mean(rate, group) for rate in ('IoU', 'Acc') for group in GROUP_NAMES}
        for rate, of_class in self.rates.items():
            named = zip(self.class_names, of_class.tolist(), strict=True)
            values |= {f'{rate}/{name}': value for name, value in named}
        return values

    def describe(self) -> str:
        """The per-class table, the means and the groups, for the log."""
        table = PrettyTable(['class', 'group', 'share', *self.rates], align='r')
        table.align['class'] = table.align['group'] = 'l'
        columns = (self.class_names, self.absent, self.share.tolist(), *(r.tolist() for r in self.rates.values()))
        for index, (name, absent, share, *values) in enumerate(zip(*columns, strict=True)):
            shown = [ABSENT if absent else f'{value:.2f}' for value in values]
            table.add_row([name, self.groups.group_of(index), f'{share:.3g} %', *shown])
        for group in (*GROUP_NAMES, None):
            means = (f'{self.mean(rate, group):.2f}' for rate in self.rates)
            table.add_row([f'mean {group}' if group else 'mean', '', '', *means])
        overall = f'aAcc: {self.metrics()["aAcc"]:.2f}'
        origin = f'Shares and groups are from {self.counts_from}.'
        return '\n'.join((str(table), overall, self.groups.describe(self.class_names), origin))
