"""The tables of the page: cells with what they show and what they are sorted by."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from ltseg.reports.comparison import Comparison
from ltseg.reports.difference import Difference
from ltseg.reports.method import Method
from ltseg.reports.page.confusions import largest_confusions
from ltseg.reports.page.phrases import NONE, points, signed

__all__ = ['Cell', 'Column', 'Row', 'Table', 'class_table', 'confusion_table', 'means_table', 'plain_table']


@dataclass(frozen=True)
class Cell:
    """A cell.

    Args:
        text: What it shows.
        value: What it is sorted by; by default the text.
        note: In small print below, such as the range over the seeds.
        bar: Length of a bar from -1 to 1, for differences.
        verdict: Of a difference.
        is_label: Whether it is a text in spite of its value.
    """

    text: str
    value: float | None = None
    note: str = ''
    bar: float | None = None
    verdict: str = ''
    is_label: bool = False

    @property
    def is_number(self) -> bool:
        """Whether it stands at the right."""
        return self.value is not None and not self.is_label

    @property
    def sorting(self) -> str:
        """The value that the page's script sorts by."""
        if self.value is None:
            return self.text.lower()
        return '' if math.isnan(self.value) else f'{self.value:.6g}'


@dataclass(frozen=True)
class Column:
    """The head of a column: what it shows, and what only a screen reader needs besides."""

    text: str
    unseen: str = ''


@dataclass(frozen=True)
class Row:
    """A row; the first cell is its header.

    Args:
        cells: One for each column.
        group: Of the class, for the filter and the shade.
        is_rare: Whether that is the group of rare classes.
        brief: Shown below the first cell where there is no room for the second and third.
    """

    cells: Sequence[Cell]
    group: str = ''
    is_rare: bool = False
    brief: str = ''


@dataclass(frozen=True)
class Table:
    """A table.

    Args:
        name: Unique on the page.
        caption: What it shows.
        header: Names of the columns.
        rows: That are sorted and filtered.
        footer: That stay below, such as means.
    """

    name: str
    caption: str
    header: Sequence[Column]
    rows: Sequence[Row]
    footer: Sequence[Row] = ()

    def is_number(self, column: int) -> bool:
        """Whether a column stands at the right."""
        return any(row.cells[column].is_number for row in self.rows)


def class_table(study: Comparison, rate: str) -> Table:
    """A rate of each class for each method, with the differences to the baselines; means are below."""
    evaluation = study.reference
    keys = [study.key(rate, index) for index in study.order]
    widest = _widest(study, keys)
    rows = []
    for index, key in zip(study.order, keys, strict=True):
        group, share = evaluation.groups.group_of(index), evaluation.share[index].item()
        rank = evaluation.groups.names.index(group)
        labels = (Cell(evaluation.class_names[index]), Cell(group, rank, is_label=True), Cell(f'{share:.3g}', share))
        cells = (*labels, *_numbers(study, key, widest))
        rows.append(Row(cells, group, group == study.rarest, f'{group}, {share:.3g} %'))
    footer = []
    for name in (None, *(evaluation.groups.names if rate in evaluation.task.grouped else ())):
        text = f'mean of {name}' if name else 'mean of all'
        cells = (Cell(text), Cell(''), Cell(''), *_numbers(study, evaluation.task.key(rate, name), widest))
        footer.append(Row(cells))
    header = (*map(Column, ('class', 'group', 'share, %')), *_columns(study))
    caption = f'{rate} of each class in percent, means over the seeds; below them the lowest and highest seed.'
    return Table(f'classes-{rate}', caption, header, rows, footer)


def _widest(study: Comparison, keys: Sequence[str]) -> float:
    """The difference whose bar has the full length."""
    differences = [method.difference(key) for method in study.compared for key in keys]
    return max((abs(each.value) for each in differences if each.known), default=1)


def _columns(study: Comparison) -> list[Column]:
    columns = []
    for method in study.methods:
        columns.append(Column(method.label))
        if method.baseline:
            columns.append(Column('difference', f' of {method.label}'))
    return columns


def _numbers(study: Comparison, key: str, widest: float) -> list[Cell]:
    cells = []
    for method in study.methods:
        cells.append(_mean(method, key))
        if method.baseline:
            cells.append(_difference(method.difference(key), widest))
    return cells


def _mean(method: Method, key: str) -> Cell:
    if key in method.absent:
        return Cell('absent', math.nan)
    values, mean = method.known(key), method.mean(key)
    seeds = f'{points(min(values))}–{points(max(values))}' if len(values) > 1 else ''
    return Cell(points(mean), mean, ', '.join(filter(None, (seeds, method.coverage(key)))))


def _difference(difference: Difference, widest: float) -> Cell:
    if not difference.known:
        return Cell(NONE, math.nan)
    bar = max(-1.0, min(1.0, difference.value / (widest or 1)))
    return Cell(signed(difference.value), difference.value, bar=bar, verdict=difference.verdict)


def means_table(study: Comparison) -> Table:
    """The means that are not of a single class."""
    keys = [*study.reference.means(), *study.other_keys]
    widest = _widest(study, keys)
    rows = [Row((Cell(key), *_numbers(study, key, widest))) for key in keys]
    caption = 'Means in percent; below them the lowest and highest seed.'
    return Table('means', caption, (Column('metric'), *_columns(study)), rows)


def confusion_table(study: Comparison) -> Table:
    """The largest confusions of each class of the rarest group."""
    rows = []
    for index in sorted(study.reference.groups.of(study.rarest), key=study.order.index):
        cells = [Cell(study.reference.class_names[index])]
        for method in study.methods:
            found = largest_confusions(study, method, index)
            text = ', '.join(f'{name} {percent:.0f}\u00a0%' for name, percent in found) or NONE
            right = method.mean(study.key(study.reference.task.recall, index))
            cells += [Cell(points(right), right), Cell(text, found[0][1] if found else math.nan, is_label=True)]
        rows.append(Row(cells, study.rarest))
    header = [Column('true class')]
    for method in study.methods:
        header += [Column(f'{method.label}, right %'), Column('taken for', f' by {method.label}')]
    caption = f'Largest confusions of the {study.rarest} classes, in percent of the true class.'
    return Table('confusions', caption, header, rows)


def plain_table(name: str, caption: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    """A table of texts."""
    return Table(name, caption, [*map(Column, header)], [Row([Cell(text) for text in row]) for row in rows])
