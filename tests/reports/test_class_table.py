"""The report of one run, laid out as Table 4 of the paper."""

import csv
import io
import json
import math
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from ltseg.reports.class_table import render, tall_table, wide_table, write_report
from ltseg.reports.record import RunRecord

Make = Callable[..., RunRecord]


def test_rows_and_columns_are_those_of_the_paper(make_record: Make) -> None:
    table = wide_table(make_record())
    assert table.header == ('', 'road', 'car', 'sky', 'bus', 'mean', 'head', 'medium', 'tail')
    assert [row[0] for row in table.rows] == ['IoU', 'Acc', 'Precision', 'share of pixels %', 'group']
    iou, acc, precision, share, group = (row[1:5] for row in table.rows)
    assert iou[:3] == pytest.approx([100 * 900 / 1055, 100 * 80 / 245, 100 * 30 / 60])
    assert acc[:3] == pytest.approx([100 * 900 / 990, 100 * 80 / 150, 100 * 30 / 50])
    assert precision[:3] == pytest.approx([100 * 900 / 965, 100 * 80 / 175, 100 * 30 / 40])
    assert iou[3] == acc[3] == precision[3] == 'absent'
    assert share == ['70', '2', '25', '3']
    assert group == ['head', 'tail', 'medium', 'medium']
    assert table.rows[0][5] == pytest.approx(sum(iou[:3]) / 3)
    assert table.rows[0][7] == pytest.approx(iou[2])


def test_both_layouts_hold_the_same_numbers(make_record: Make) -> None:
    record = make_record()
    wide, tall = wide_table(record), tall_table(record)
    rates = list(zip(*(row[1:] for row in wide.rows[:3]), strict=True))
    assert [tuple(row[3:]) for row in tall.rows] == rates
    assert [row[0] for row in tall.rows[4:]] == ['mean', 'mean head', 'mean medium', 'mean tail']


@pytest.mark.parametrize(('width', 'first_line'), [(60, 'class'), (200, 'road')])
def test_the_terminal_decides_the_layout(make_record: Make, width: int, first_line: str) -> None:
    console = Console(width=width, file=io.StringIO())
    render(make_record(), console)
    lines = console.file.getvalue().splitlines()
    header = next(line for line in lines if first_line in line)
    assert ('sky' in header) == (width == 200)
    assert lines[0].strip() == 'cross entropy, U-Net, CamVid val, seed 0'
    assert 'medium (2): sky, bus' in lines


def test_files_hold_what_the_table_shows(tmp_path: Path, make_record: Make) -> None:
    record = make_record()
    paths = write_report(record, tmp_path / 'made')
    assert [path.name for path in paths] == ['val_report.csv', 'val_report.json', 'val_report.md']
    rows = list(csv.reader(io.StringIO(paths[0].read_text())))
    assert float(rows[1][1]) == record.metrics()['IoU/road']
    content = json.loads(paths[1].read_text())
    assert content['metrics']['mIoU'] == record.metrics()['mIoU']
    assert content['classes']['bus'] == {
        **dict.fromkeys(('IoU', 'Acc', 'Precision')),
        'group': 'medium',
        'share': pytest.approx(3),
        'absent': True,
    }
    assert f'{record.metrics()["mAcc_tail"]:.2f}' in paths[2].read_text()
    assert not math.isnan(content['metrics']['mIoU_tail'])
