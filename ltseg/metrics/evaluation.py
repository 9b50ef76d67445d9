"""What an evaluation found: the confusion matrix, and every metric that follows from it."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from prettytable import PrettyTable
from torch import Tensor

from ltseg.core.checks import fault
from ltseg.core.confusion import ClassRates, mean_of
from ltseg.counts.groups import ClassGroups

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

    @property
    def rates(self) -> ClassRates:
        """IoU, Acc and Precision of each class in percent."""
        return ClassRates.of(self.matrix)

    @property
    def share(self) -> Tensor:
        """Share of each class in ``counts``, in percent, (K,) float64."""
        counts = self.counts.double()
        return 100 * counts / counts.sum()

    def metrics(self) -> dict[str, float]:
        """Every metric by its key, in percent and not rounded; nan where no class of the ground truth is left.

        ``mIoU mAcc aAcc mPrecision``, ``mIoU_head ... mAcc_tail``, and ``IoU/<class> Acc/<class> Precision/<class>``.
        """
        rates = self.rates
        values = {'mIoU': mean_of(rates.iou), 'mAcc': mean_of(rates.acc), 'aAcc': rates.overall}
        values['mPrecision'] = mean_of(rates.precision)
        for metric, of_class in (('mIoU', rates.iou), ('mAcc', rates.acc)):
            values |= {f'{metric}_{group}': mean_of(of_class, classes) for group, classes in self.groups.items()}
        for metric, of_class in (('IoU', rates.iou), ('Acc', rates.acc), ('Precision', rates.precision)):
            named = zip(self.class_names, of_class.tolist(), strict=True)
            values |= {f'{metric}/{name}': value for name, value in named}
        return values

    def describe(self) -> str:
        """The per-class table, the means and the groups, for the log."""
        rates = self.rates
        table = PrettyTable(['class', 'group', 'share', 'IoU', 'Acc', 'Precision'], align='r')
        table.align['class'] = table.align['group'] = 'l'
        columns = (self.share, rates.iou, rates.acc, rates.precision)
        rows = zip(self.class_names, self.matrix.sum(1), *(column.tolist() for column in columns), strict=True)
        for index, (name, pixels, share, *values) in enumerate(rows):
            shown = [f'{value:.2f}' for value in values] if pixels else [ABSENT] * 3
            table.add_row([name, self.groups.group_of(index), f'{share:.3g} %', *shown])
        values = self.metrics()
        for group in self.groups.items():
            table.add_row([f'mean {group[0]}', '', '', *_means(values, f'_{group[0]}')])
        table.add_row(['mean', '', '', *_means(values)])
        origin = f'Shares and groups are from {self.counts_from}.'
        return f'{table}\naAcc: {values["aAcc"]:.2f}\n{self.groups.describe(self.class_names)}\n{origin}'


def _means(values: Mapping[str, float], suffix: str = '') -> list[str]:
    keys = (f'{metric}{suffix}' for metric in ('mIoU', 'mAcc', 'mPrecision'))
    return [f'{values[key]:.2f}' if key in values else '' for key in keys]
