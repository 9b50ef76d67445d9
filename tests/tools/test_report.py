"""The tool writes one page, and ends with one line where it cannot."""

import re
import runpy
from pathlib import Path

import pytest
import torch
from hinted import hinted

from ltseg.counts.groups import ClassGroups
from ltseg.metrics.evaluation import Evaluation
from ltseg.reports.record import RunRecord

REPORT = runpy.run_path(str(Path(__file__).parents[2] / 'tools/report.py'))['main']


def write_run(path: Path, method: str, right: int, split: str = 'test') -> None:
    counts = torch.tensor([900, 80, 20])
    matrix = torch.tensor([[80, 10, 0], [5, 30, 5], [2, 0, right]])
    evaluation = Evaluation(matrix, ('road', 'car', 'bus'), ClassGroups.tertiles(counts), counts, 'the training labels')
    RunRecord(
        name=path.stem, method=method, model='U-Net', dataset='CamVid', split=split, evaluation=evaluation, versions={}
    ).save(path)


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    write_run(tmp_path / 'arb/records/test.json', 'ARB', 6)
    write_run(tmp_path / 'ce/records/test.json', 'cross entropy', 2)
    write_run(tmp_path / 'ce/records/val.json', 'cross entropy', 4, 'val')
    return tmp_path


def test_writes_the_page(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = runs / 'out/report.html'
    REPORT([str(runs / 'ce'), str(runs / 'arb'), '--out', str(out)])
    assert str(out) in capsys.readouterr().out
    page = out.read_text(encoding='utf-8')
    assert '<title>CamVid test, U-Net</title>' in page and 'ARB against cross entropy' in page
    REPORT([str(runs / 'ce'), '--split', 'val', '--title', 'Mine', '--out', str(out)])
    page = out.read_text(encoding='utf-8')
    assert '<title>Mine</title>' in page and 'against cross entropy' not in page


def test_the_first_method_can_be_chosen(runs: Path) -> None:
    out = runs / 'report.html'
    REPORT([str(runs), '--out', str(out), '--first', 'cross entropy'])
    assert 'ARB against cross entropy' in out.read_text(encoding='utf-8')
    REPORT([str(runs), '--out', str(out)])
    assert 'cross entropy against ARB' in out.read_text(encoding='utf-8')


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (['--split', 'tset'], "Did you mean 'test'"),
        (['--first', 'ARC'], "Did you mean 'ARB'"),
        (['--images', '2'], 'a work dir with a checkpoint'),
        (['--images', '-1'], 'number of images'),
        (['no/such/run'], 'no/such/run'),
    ],
)
def test_faults_are_one_line(runs: Path, options: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        REPORT(['--out', str(runs / 'report.html'), str(runs), *options])
    said = capsys.readouterr().err
    assert message in said and len(said.splitlines()) == 1
    assert not (runs / 'report.html').exists()
    if options == ['--images', '2']:
        hinted('Give work dirs that still have their checkpoints, or leave --images out.', said)
        REPORT(['--out', str(runs / 'report.html'), str(runs)])
        (runs / 'report.html').unlink()


def test_a_folder_that_cannot_be_written_is_told(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (runs / 'file').write_text('')
    with pytest.raises(SystemExit):
        REPORT([str(runs), '--out', str(runs / 'file/report.html')])
    text = capsys.readouterr().err
    assert re.fullmatch(rf'error: {runs}/file/report\.html: expected a file that can be written, got .*\n', text)
