import math

import pytest

from ltseg.reports.difference import CLEAR
from ltseg.reports.page.tables import Cell, class_table, confusion_table, means_table


def test_classes_stand_by_frequency_with_their_numbers(make_study) -> None:
    study = make_study(seeds=2)
    table = class_table(study, 'Acc')
    assert [column.text for column in table.header] == [
        'class',
        'group',
        'share, %',
        'cross entropy',
        'ARB',
        'difference',
    ]
    assert [row.cells[0].text for row in table.rows] == [study.reference.class_names[index] for index in study.order]
    assert [row.is_rare for row in table.rows] == [False, False, False, True]
    *_, before, after, difference = table.rows[3].cells
    assert (before.value, after.value) == (0, pytest.approx(200 / 3)) and difference.text == '+66.7'
    assert difference.verdict == CLEAR and difference.bar == 1  # the largest of all
    assert [row.cells[0].text for row in table.footer] == [
        'mean of all',
        'mean of head',
        'mean of medium',
        'mean of tail',
    ]
    assert table.footer[0].cells[3].value == pytest.approx(study.methods[0].mean('mAcc'))


def test_the_range_of_the_seeds_is_told(make_study) -> None:
    cell = class_table(make_study(seeds=2), 'Acc').rows[0].cells[3]
    assert cell.note.count('–') == 1
    assert class_table(make_study(seeds=1), 'Acc').rows[0].cells[3].note == ''


def test_numbers_sort_as_numbers_and_nothing_sorts_as_nothing() -> None:
    assert float(Cell('−12.4', -12.4).sorting) == -12.4
    assert Cell('–', math.nan).sorting == '' and Cell('Bus').sorting == 'bus'


def test_bars_stay_inside(make_study) -> None:
    for table in (means_table(make_study(seeds=2)), class_table(make_study(seeds=2), 'IoU')):
        bars = [cell.bar for row in (*table.rows, *table.footer) for cell in row.cells if cell.bar is not None]
        assert bars and all(-1 <= bar <= 1 for bar in bars)


def test_confusions_of_the_rare_classes(make_study) -> None:
    (row,) = confusion_table(make_study(seeds=1)).rows
    assert [cell.text for cell in row.cells[:2]] == ['bus', '0.0']
    assert row.cells[2].text.startswith('car 50\u00a0%') and 'road 17\u00a0%' in row.cells[2].text
