"""A table of texts and numbers, and its forms: Markdown, CSV and the terminal."""

import csv
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ltseg.core.errors import InvalidValueError

__all__ = ['Cell', 'TextTable', 'number_text']

Cell = str | float


def number_text(value: Cell) -> str:
    """A cell as people read it: two decimals, and a dash for nan."""
    if isinstance(value, str):
        return value
    return '-' if math.isnan(value) else f'{value:.2f}'


@dataclass(frozen=True)
class TextTable:
    """Rows of cells under a header.

    Args:
        title: One line.
        header: Names of the columns.
        rows: One cell for each column.
        notes: Sentences to print below.
        labels: Columns at the left that hold texts; the others are aligned right.

    Raises:
        ValueError: If a row has another length than the header.

    Example:
        >>> from ltseg.reports.text_table import TextTable
        >>> table = TextTable('Rates in percent', ('class', 'IoU'), [('road', 98.125), ('pole', float('nan'))])
        >>> print(table.csv(), end='')
        class,IoU
        road,98.125
        pole,nan
        >>> table.markdown().splitlines()[-2:]
        ['| road | 98.12 |', '| pole | - |']
    """

    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    notes: Sequence[str] = ()
    labels: int = 1

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row) != len(self.header):
                raise InvalidValueError('TextTable', f'{len(self.header)} cells in each row', repr(list(row)))

    def markdown(self) -> str:
        """The table for a Markdown document, title and notes included."""
        rule = [':--' if column < self.labels else '--:' for column in range(len(self.header))]
        body = ([number_text(cell) for cell in row] for row in self.rows)
        lines = [f'| {" | ".join(map(_escape, row))} |' for row in (self.header, rule, *body)]
        notes = ['', *(f'- {_escape(note)}' for note in self.notes)] if self.notes else []
        return '\n'.join((f'**{_escape(self.title)}**', '', *lines, *notes)) + '\n'

    def csv(self) -> str:
        """The table for other programs; numbers are not rounded, title and notes are left out."""
        stream = io.StringIO()
        csv.writer(stream, lineterminator='\n').writerows([self.header, *self.rows])
        return stream.getvalue()

    def rich(self, columns: Sequence[int] | None = None) -> Table:
        """The table for the terminal; with only some of its columns where ``columns`` says which."""
        chosen = range(len(self.header)) if columns is None else columns
        # Text, because names of classes and methods may hold what rich takes for markup.
        table = Table(title=Text(self.title), title_justify='left', box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
        for column in chosen:
            name = Text(self.header[column].replace(' ', '\n'))
            table.add_column(name, justify='left' if column < self.labels else 'right', no_wrap=True)
        for row in self.rows:
            table.add_row(*(Text(number_text(row[column])) for column in chosen))
        return table

    def fits(self, console: Console, columns: Sequence[int] | None = None) -> bool:
        """Whether the table, or some of its columns, can be printed without breaking a cell."""
        unlimited = console.options.update(width=10**6)
        return console.measure(self.rich(columns), options=unlimited).maximum <= console.width

    def print(self, console: Console) -> None:
        """Prints the table, in parts that repeat the label columns where the terminal is too narrow for all columns."""
        part = labels = list(range(self.labels))
        for column in range(self.labels, len(self.header)):
            if part != labels and not self.fits(console, [*part, column]):
                console.print(self.rich(part))
                part = labels
            part = [*part, column]
        console.print(self.rich(part))
        for note in self.notes:
            console.print(Text(note))


def _escape(text: str) -> str:
    return text.replace('|', r'\|')
