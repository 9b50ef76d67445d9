"""Tables in documents follow the records, and nothing else in the document changes."""

import json
import runpy
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hinted import hinted

from ltseg.counts.groups import ClassGroups
from ltseg.metrics.evaluation import Evaluation
from ltseg.reports.record import RunRecord

TABLES = runpy.run_path(str(Path(__file__).parents[2] / 'tools/document_tables.py'))
documents_in, fill_tables = TABLES['documents_in'], TABLES['fill_tables']
BLOCK = '<!-- table: {} -->\n{}<!-- end -->'


def record(method: str, right: int, **fields) -> RunRecord:
    counts, matrix = torch.tensor([7000, 200, 2500]), torch.tensor([[900, 90, 0], [60, 80, 10], [5, 5, right]])
    evaluation = Evaluation(matrix, ('road', 'car', 'sky'), ClassGroups.tertiles(counts), counts, 'the training labels')
    known = {'name': method, 'model': 'U-Net', 'dataset': 'CamVid', 'split': 'val', 'versions': {}}
    return RunRecord(method=method, evaluation=evaluation, **known, **fields)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    curve = [{'tau': 0.0, 'mIoU': 41.5}, {'tau': 0.25, 'mIoU': 40.0}]
    record('cross entropy', 30, tau_curve=curve).save(tmp_path / 'docs/runs/a.json')
    record('ARB', 34).save(tmp_path / 'docs/runs/b.json')
    return tmp_path


def test_bodies_are_made_anew_and_the_text_around_stays(root: Path) -> None:
    text = 'Before.\n\n' + BLOCK.format('compare docs/runs/*.json --tables IoU', 'old\n') + '\n\nAfter | this.\n'
    filled = fill_tables(text, root)
    assert filled.startswith('Before.\n\n<!-- table: compare docs/runs/*.json --tables IoU -->\n\n**IoU in percent')
    assert filled.endswith('<!-- end -->\n\nAfter | this.\n')
    assert 'old' not in filled
    assert f'{record("ARB", 34).metrics()["IoU/sky"]:.2f}' in filled
    assert fill_tables(filled, root) == filled


def test_a_wrong_number_is_noticed(root: Path) -> None:
    filled = fill_tables(BLOCK.format('report docs/runs/a.json', ''), root)
    assert '| 85.31 |' in filled
    assert fill_tables(filled.replace('85.31', '86.31'), root) != filled.replace('85.31', '86.31')


def test_every_kind_of_block(root: Path) -> None:
    blocks = ('compare docs/runs/*.json --first ARB', 'report docs/runs/a.json --tall', 'tau docs/runs/a.json')
    filled = fill_tables('\n'.join(BLOCK.format(block, '') for block in blocks), root)
    assert '| mIoU |' in filled
    assert '|  | ARB | cross entropy |' in filled
    assert '| class | group | share % | IoU |' in filled
    assert '| 0.25 | 40.00 |' in filled


def test_a_paper_without_rows_of_classes_stands_in_a_block(root: Path) -> None:
    names = tuple(map(str, range(19)))
    counts, matrix = torch.arange(19, 0, -1), 7 * torch.eye(19, dtype=torch.int64)
    evaluation = Evaluation(matrix, names, ClassGroups.tertiles(counts), counts, 'the training labels')
    replace(record('ARB', 34), evaluation=evaluation).save(root / 'docs/runs/c.json')
    filled = fill_tables(BLOCK.format('compare docs/runs/c.json --paper cityscapes/blv/pspnet-r50', ''), root)
    assert '| mIoU | 100.00 | 77.98 | 78.53 (+0.55) |' in filled


def write_collapse(path: Path, nc1: float, kind: str = 'ltseg collapse') -> None:
    figures = [{'figures': {'nc1': 9.0}}, {'figures': {'nc1': nc1, 'nc2_means_least_angle': 50.25}}]
    path.write_text(json.dumps({'kind': kind, 'note': 'Of 7.', 'optimal_angle': 96.375, 'checkpoints': figures}))


def test_figures_of_neural_collapse_side_by_side(root: Path) -> None:
    for name, value in (('a', 1.5), ('b', 0.125)):
        write_collapse(root / f'docs/{name}.json', value)
    filled = fill_tables(BLOCK.format('collapse docs/?.json --names CE "ARB (batch)"', ''), root)
    assert '| figure | CE | ARB (batch) | ideal |' in filled
    assert '| NC1: variation within classes | 1.5 | 0.125 | 0 |' in filled  # of the last checkpoint
    assert 'least angle, degrees | 50.25 | 50.25 | 96.38 |' in filled and '| nan | nan | 0 |' in filled


def test_a_document_without_blocks_stays(root: Path) -> None:
    text = 'No table here.\n<!-- other -->\n'
    assert fill_tables(text, root) == text


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        (BLOCK.format('compare docs/runs/none*.json', ''), r"'compare docs/runs/none\*.json'.*none\*"),
        (BLOCK.format('draw docs/runs/a.json', ''), "'draw docs/runs/a.json'.*invalid choice"),
        (BLOCK.format('compare docs/runs/a.json --splot val', ''), 'splot'),
        (BLOCK.format('compare docs/runs/a.json --split test', ''), "splits of the records .val.*'test'"),
        (BLOCK.format('tau docs/runs/b.json', ''), 'a curve over tau'),
        (BLOCK.format('collapse docs/runs/*.json --names CE', ''), 'a name for each of 2 files'),
        (BLOCK.format('collapse docs/runs/a.json --names CE', ''), 'SPLIT.json of ltseg collapse'),
        ('<!-- table: report docs/runs/a.json -->\n', 'a closing .* docs/runs/a.json'),
        ('<!-- table: report x.json -->\n' + BLOCK.format('report docs/runs/a.json', ''), 'a closing .* x.json'),
    ],
)
def test_faults_name_the_block(root: Path, text: str, message: str) -> None:
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        fill_tables(text, root)


def test_a_record_of_adjustment_has_the_table(root: Path) -> None:
    hinted('ltseg adjust writes it.', lambda: fill_tables(BLOCK.format('tau docs/runs/b.json', ''), root))
    assert '| tau |' in fill_tables(BLOCK.format('tau docs/runs/a.json', ''), root)


def test_documents_are_the_readme_and_docs(root: Path) -> None:
    assert documents_in(root) == []
    (root / 'README.md').write_text('')
    (root / 'docs/deep').mkdir()
    (root / 'docs/deep/a.md').write_text('')
    assert documents_in(root) == [root / 'README.md', root / 'docs/deep/a.md']
