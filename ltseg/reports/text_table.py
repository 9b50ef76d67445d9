"""A table of texts and numbers, and its forms: Markdown, CSV and the terminal."""

import csv
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass

from rich import box
from rich.table import Table
from rich.text import Text

from ltseg.core.checks import fault

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
    """

    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    notes: Sequence[str] = ()
    labels: int = 1

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row) != len(self.header):
                raise ValueError(fault('TextTable', f'{len(self.header)} cells in each row', list(row)))

    def markdown(self) -> str:
        """The table for a Markdown document, title and notes included."""
        rule = [':--' if column < self.labels else '--:' for column in range(len(self.header))]
        body = ([number_text(cell) for cell in row] for row in self.rows)
        lines = [f'| {" | ".join(map(_escape, row))} |' for row in (self.header, rule, *body)]
        notes = [f'\n{_escape(note)}' for note in self.notes]
        return '\n'.join((f'**{_escape(self.title)}**', '', *lines, *notes)) + '\n'

    def csv(self) -> str:
        """The table for other programs; numbers are not rounded, title and notes are left out."""
        stream = io.StringIO()
        csv.writer(stream, lineterminator='\n').writerows([self.header, *self.rows])
        return stream.getvalue()

    def rich(self) -> Table:
        """The table for the terminal."""
        # Text, because names of classes and methods may hold what rich takes for markup.
        caption = Text('\n'.join(self.notes)) if self.notes else None
        table = Table(title=Text(self.title), caption=caption, caption_justify='left', box=box.SIMPLE_HEAD)
        for column, name in enumerate(self.header):
            table.add_column(Text(name), justify='left' if column < self.labels else 'right', no_wrap=not column)
        for row in self.rows:
            table.add_row(*(Text(number_text(cell)) for cell in row))
        return table


def _escape(text: str) -> str:
    return text.replace('|', r'\|')
