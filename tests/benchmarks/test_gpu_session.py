"""The script for a GPU runs on a CPU with tiny shapes, and the documents take what it leaves."""

import os
import runpy
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from tiny_images import write_cifar_batches

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / 'benchmarks/gpu/session.sh'
fill_tables = runpy.run_path(str(ROOT / 'tools/document_tables.py'))['fill_tables']
BLOCK = '<!-- table: gpu docs/gpu -->\n{}<!-- end -->'


def session(*arguments: str, **settings: str) -> subprocess.CompletedProcess:
    given = {**os.environ, 'PYTHON': sys.executable, **settings}
    return subprocess.run([str(SCRIPT), *arguments], env=given, capture_output=True, text=True, timeout=300)


@pytest.mark.slow
def test_both_calls_leave_what_the_documents_need(tmp_path: Path) -> None:
    write_cifar_batches(tmp_path / 'carry/data/cifar10', per_class=100)
    settings = {'OUT': str(tmp_path / 'out'), 'CARRY': str(tmp_path / 'carry'), 'EPOCHS': '1'}
    for call in ('1', '2'):
        done = session(call, '--quick', **settings)
        assert done.returncode == 0, done.stdout + done.stderr
        with tarfile.open(tmp_path / f'out/call-{call}.tar.gz') as results:
            results.extractall(tmp_path / 'docs/gpu', filter='data')
    assert 'fused_loss: done' in (tmp_path / 'out/call-1.log').read_text()
    assert 'segformer-lite0_ce_camvid: left out, it needs' in done.stdout
    assert '1 runs ended and have a record' in done.stdout
    filled = fill_tables(BLOCK.format(''), tmp_path)
    assert '**Fused loss: upsampling, loss, accuracy, backward**' in filled and '| memory |' in filled
    assert 'ResNet-32, CIFAR-10-LT 100, test' in filled and 'cross entropy' in filled


@pytest.mark.slow
def test_what_does_not_fit_the_time_is_no_failure(tmp_path: Path) -> None:
    write_cifar_batches(tmp_path / 'carry/data/cifar10', per_class=100)
    done = session('2', '--quick', OUT=str(tmp_path / 'out'), CARRY=str(tmp_path / 'carry'), BUDGET='6')
    assert done.returncode == 0 and '0 runs ended' in done.stdout


def test_a_call_of_another_number_is_refused(tmp_path: Path) -> None:
    done = session('3', OUT=str(tmp_path / 'out'))
    assert done.returncode == 2 and 'session.sh 1|2' in done.stderr and not (tmp_path / 'out').exists()


def test_without_records_the_document_says_so(tmp_path: Path) -> None:
    filled = fill_tables(BLOCK.format('old'), tmp_path)
    assert filled == BLOCK.format('\nNothing was measured on a GPU.\n')


def test_a_file_of_something_else_is_named(tmp_path: Path) -> None:
    (tmp_path / 'docs/gpu/benchmarks').mkdir(parents=True)
    (tmp_path / 'docs/gpu/benchmarks/a.json').write_text('[]')
    with pytest.raises(ValueError, match=r'a\.json: expected a file that a benchmark wrote with --record'):
        fill_tables(BLOCK.format(''), tmp_path)
