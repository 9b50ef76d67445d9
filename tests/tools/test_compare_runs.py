"""The tool prints and writes comparisons, and ends with one line where it cannot."""

import csv
import runpy
from pathlib import Path

import pytest
import torch

from ltseg.counts.groups import ClassGroups
from ltseg.metrics.evaluation import Evaluation
from ltseg.reports.record import RunRecord

COMPARE = runpy.run_path(str(Path(__file__).parents[2] / 'tools/compare_runs.py'))['main']
BUILD = runpy.run_path(str(Path(__file__).parents[2] / 'tools/build_docs.py'))['main']


def write_run(path: Path, method: str, right: int, split: str = 'val') -> None:
    counts = torch.tensor([900, 80, 20])
    matrix = torch.tensor([[80, 10, 0], [5, 30, 5], [2, 0, right]])
    evaluation = Evaluation(matrix, ('road', 'car', 'bus'), ClassGroups.tertiles(counts), counts, 'the training labels')
    RunRecord(
        name=path.stem, method=method, model='U-Net', dataset='CamVid', split=split, evaluation=evaluation, versions={}
    ).save(path)


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    write_run(tmp_path / 'docs/runs/ce/val.json', 'cross entropy', 2)
    write_run(tmp_path / 'docs/runs/arb/val.json', 'ARB', 6)
    write_run(tmp_path / 'docs/runs/arb/test.json', 'ARB', 4, 'test')
    return tmp_path / 'docs/runs'


def test_prints_and_writes(runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    markdown, table = tmp_path / 'out/a.md', tmp_path / 'out/a.csv'
    options = ['--split', 'val', '--tables', 'Acc', '--markdown', str(markdown), '--csv', str(table)]
    COMPARE([str(runs / 'ce'), str(runs / 'arb'), *options])
    printed = capsys.readouterr().out
    assert '75.00 (+25.00)' in printed
    assert str(markdown) in printed
    assert '| bus | tail | 2 | 50.00 | 75.00 (+25.00) |' in markdown.read_text()
    rows = list(csv.DictReader(table.open()))
    assert {row['split'] for row in rows} == {'val'}
    assert [float(row['mean']) for row in rows if row['metric'] == 'Acc/bus'] == [50, 75]


def test_the_first_method_can_be_chosen(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    COMPARE([str(runs), '--split', 'val', '--first', 'cross entropy', '--tables', 'Acc'])
    assert '75.00 (+25.00)' in capsys.readouterr().out
    COMPARE([str(runs), '--split', 'val', '--tables', 'Acc'])
    assert '50.00 (-25.00)' in capsys.readouterr().out


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (['--split', 'train'], "(test, val), got 'train'"),
        (['--first', 'ARC'], "Did you mean 'ARB'"),
        (['--paper', 'arb'], 'differ in bicycle'),
        (['--tables', 'mIoU'], 'Precision'),
        (['no/such/run'], 'no/such/run'),
    ],
)
def test_faults_are_one_line(runs: Path, options: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        COMPARE([str(runs), *options])
    said = capsys.readouterr().err
    assert said.startswith('error: ') and message in said and len(said.splitlines()) == 1


def test_documents_are_filled_and_checked(runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    document = tmp_path / 'docs/results.md'
    document.write_text('<!-- table: report docs/runs/ce/val.json -->\n<!-- end -->\n')
    assert BUILD(['--check'], tmp_path) == 1
    assert '50.00' not in document.read_text()
    assert BUILD([], tmp_path) == 0
    assert '| 50.00 |' in document.read_text()
    assert BUILD(['--check'], tmp_path) == 0
    document.write_text(document.read_text().replace('50.00', '51.00'))
    assert BUILD(['--check'], tmp_path) == 1
    assert capsys.readouterr().out.splitlines()[-1] == 'out of date: docs/results.md'
    document.write_text('<!-- table: report docs/runs/gone.json -->\n<!-- end -->\n')
    with pytest.raises(SystemExit):
        BUILD([], tmp_path)
    assert 'gone.json' in capsys.readouterr().err
