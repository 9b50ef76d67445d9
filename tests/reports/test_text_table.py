"""The same cells in every form."""

import csv
import io
import math

import pytest
from rich.console import Console

from ltseg.reports.text_table import TextTable

TABLE = TextTable(
    'Title', ('class', 'IoU', 'a|b [x]'), [['road', 1 / 3, math.nan], ['[bold]car', 'absent', 2.0]], ['n']
)


def printed(table: TextTable, width: int) -> str:
    console = Console(width=width, file=io.StringIO())
    table.print(console)
    return console.file.getvalue()


def test_markdown_rounds_and_escapes() -> None:
    lines = TABLE.markdown().splitlines()
    assert lines[2:6] == [
        r'| class | IoU | a\|b [x] |',
        '| :-- | --: | --: |',
        '| road | 0.33 | - |',
        '| [bold]car | absent | 2.00 |',
    ]
    assert lines[-1] == '- n'


def test_csv_does_not_round() -> None:
    rows = list(csv.reader(io.StringIO(TABLE.csv())))
    assert float(rows[1][1]) == 1 / 3
    assert rows[2] == ['[bold]car', 'absent', '2.0']


def test_the_terminal_shows_markup_as_text() -> None:
    text = printed(TABLE, 80)
    assert '[bold]car' in text
    assert '[x]' in text


def test_a_narrow_terminal_gets_parts_with_the_labels() -> None:
    header = ('class', *(f'column{index}' for index in range(9)))
    table = TextTable('T', header, [['road', *map(float, range(9))]])
    text = printed(table, 40)
    assert text.count('road') > 1
    assert all(f'column{index}' in text and f'{index}.00' in text for index in range(9))
    assert '…' not in text
    assert max(map(len, text.splitlines())) <= 40
    assert printed(table, 200).count('road') == 1


def test_rows_must_be_as_long_as_the_header() -> None:
    with pytest.raises(ValueError, match='2 cells'):
        TextTable('T', ('a', 'b'), [['only one']])
