"""A record comes back as it was written, and what is no record is refused by name."""

import json
import math
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from ltseg.reports.record import RunRecord, commit_of, find_records, installed_versions

Make = Callable[..., RunRecord]


def test_a_record_comes_back(tmp_path: Path, make_record: Make) -> None:
    record = make_record(
        seed=3,
        config='configs/a.py',
        settings={'optimizer': {'lr': 0.1}, 'crop': [352, 480]},
        iterations=100,
        curves={'val': [{'iteration': 50, 'mIoU': 41.25}, {'iteration': 100, 'mIoU': 0.1}]},
        tau_curve=[{'tau': -0.5, 'mIoU': 40.0}],
        commit='abc',
    )
    loaded = RunRecord.load(record.save(tmp_path / 'made' / 'run.json'))
    for name in ('name', 'method', 'seed', 'settings', 'iterations', 'curves', 'tau_curve', 'versions', 'date'):
        assert getattr(loaded, name) == getattr(record, name)
    assert torch.equal(loaded.evaluation.matrix, record.evaluation.matrix)
    assert torch.equal(loaded.evaluation.counts, record.evaluation.counts)
    assert loaded.evaluation.groups == record.evaluation.groups
    assert {k: v for k, v in loaded.metrics().items() if not math.isnan(v)}.items() <= record.metrics().items()


def test_the_file_has_a_row_of_the_matrix_per_line_and_no_metric(tmp_path: Path, make_record: Make) -> None:
    lines = make_record().save(tmp_path / 'run.json').read_text().splitlines()
    assert '    [60, 80, 10, 0],' in lines
    assert not any('mIoU' in line for line in lines)
    assert list(tmp_path.iterdir()) == [tmp_path / 'run.json']


def test_nan_is_left_out_of_points(tmp_path: Path, make_record: Make) -> None:
    record = make_record(curves={'val': [{'iteration': 1, 'mIoU_tail': math.nan, 'mIoU': 3.0}]})
    text = record.save(tmp_path / 'run.json').read_text()
    assert 'NaN' not in text
    assert RunRecord.load(tmp_path / 'run.json').curves['val'] == [{'iteration': 1, 'mIoU': 3.0}]


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        ({'kind': 'other'}, 'another kind'),
        ({'matrix': [[1]]}, r'\(4, 4\) int64'),
        ({'matrix': [[0.5] * 4] * 4}, 'matrix: expected a whole number of at least 0, got 0.5'),
        ({'matrix': [[1, 2], [3]]}, 'matrix|length'),
        ({'class_counts': [1, 2]}, '2 counts'),
        ({'method': ''}, 'RunRecord.method'),
        ({'tau_curve': [{'mIoU': 1}]}, "'tau'"),
        ({'extra': 1}, 'extra'),
        ({'groups': {'head': [0], 'medium': [1], 'tail': [2]}}, "'rule'"),
        ({'groups': {'head': [0], 'medium': [1], 'tail': [2], 'rule': ''}}, 'groups of 3'),
    ],
)
def test_a_damaged_file_is_named(tmp_path: Path, make_record: Make, change: dict, message: str) -> None:
    path = make_record().save(tmp_path / 'run.json')
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(ValueError, match=f'run.json.*({message})'):
        RunRecord.load(path)


@pytest.mark.parametrize('name', ['matrix', 'class_names', 'method'])
def test_a_missing_field_is_named(tmp_path: Path, make_record: Make, name: str) -> None:
    path = make_record().save(tmp_path / 'run.json')
    content = json.loads(path.read_text())
    del content[name]
    path.write_text(json.dumps(content))
    with pytest.raises(ValueError, match=f"run.json.*'{name}'"):
        RunRecord.load(path)


@pytest.mark.parametrize('text', ['', '{"kind": ', '[1, 2]', '\x00'])
def test_what_is_no_record_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / 'other.json'
    path.write_text(text)
    with pytest.raises(ValueError, match=r'other\.json'):
        RunRecord.load(path)
    with pytest.raises(FileNotFoundError, match=r'none\.json'):
        RunRecord.load(tmp_path / 'none.json')


def test_folders_are_searched_for_records(tmp_path: Path, make_record: Make) -> None:
    make_record('b').save(tmp_path / 'runs/deep/b.json')
    single = make_record('a').save(tmp_path / 'a.json')
    (tmp_path / 'runs/scalars.json').write_text('{"mIoU": 1}')
    found = find_records([single, tmp_path / 'runs', single])
    assert [record.method for record in found] == ['a', 'b']
    make_record('c').save(tmp_path / 'runs/deep/a.json')
    assert [record.method for record in find_records([tmp_path / 'runs'])] == ['c', 'b']
    (tmp_path / 'empty').mkdir()
    with pytest.raises(FileNotFoundError, match='empty'):
        find_records([tmp_path / 'empty'])


def test_versions_and_commit(tmp_path: Path) -> None:
    versions = installed_versions()
    assert {'python', 'torch', 'mmengine', 'ltseg'} <= set(versions)
    assert versions['torch'] == torch.__version__
    assert commit_of(tmp_path) is None


@pytest.mark.skipif(shutil.which('git') is None, reason='needs git')
def test_a_commit_with_changes_is_marked(tmp_path: Path) -> None:
    def git(*arguments: str) -> None:
        author = ('-c', 'user.name=a', '-c', 'user.email=a@b.c')
        subprocess.run(('git', '-C', str(tmp_path), *author, *arguments), check=True, capture_output=True)

    (tmp_path / 'a.txt').write_text('1')
    git('init')
    git('add', '.')
    git('commit', '-m', 'a')
    commit = commit_of(tmp_path)
    assert commit is not None and len(commit) == 40
    (tmp_path / 'a.txt').write_text('2')
    assert commit_of(tmp_path) == f'{commit}-modified'


def test_setup_and_other_metrics_are_kept_and_old_records_have_none(make_record: Make, tmp_path: Path) -> None:
    setup = {'model': {'type': 'A', 'loss': [{'type': 'B', 'gamma': 0.5}]}, 'hooks': [], 'load_from': None}
    path = make_record(setup=setup, other_metrics={'mDice': 40.0}).save(tmp_path / 'a.json')
    loaded = RunRecord.load(path)
    assert (loaded.setup, loaded.other_metrics) == (setup, {'mDice': 40.0})
    content = json.loads(path.read_text())
    del content['setup'], content['other_metrics']
    path.write_text(json.dumps(content))
    old = RunRecord.load(path)
    assert (old.setup, old.other_metrics) == ({}, {})
    assert list(old.metrics()) == [key for key in loaded.metrics() if key != 'mDice']


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        ({'name': 'a\x1b[2J'}, 'name: expected a text without control characters'),
        ({'method': '\ud800'}, 'method: expected a text without control characters'),
        ({'method': 'a' * 2000}, 'method: expected at most 1,000 characters, got 2,000'),
        ({'seed': True}, 'seed: expected a whole number of at least 0, got True'),
        ({'iterations': -1}, 'iterations: expected a whole number of at least 0, got -1'),
        ({'settings': [1]}, r'settings: expected a dict, got \[1\]'),
        ({'versions': {'torch': 2}}, r'versions\.torch: expected a text, got 2'),
        ({'curves': {'val': [{'iteration': '1'}]}}, r"curves\.val\.0\.iteration: expected a finite number, got '1'"),
        ({'curves': {'val': 3}}, r'curves\.val: expected a list, got 3'),
        ({'tau_curve': [{'tau': 0, 'mIoU': 1e300}]}, r'tau_curve\.0\.mIoU: expected a finite number'),
        ({'class_names': ['a', None, 'c', 'd']}, r'class_names\.1: expected a text, got None'),
        ({'class_names': ['a'] * 10_001}, 'class_names: expected 1 to 10,000 names, got 10,001'),
        ({'class_counts': [1, -2, 3, 4]}, r'class_counts\.1: expected a number of at least 0, got -2'),
        ({'class_counts': [2**62] * 4}, 'class_counts: expected counts that add up to less than'),
        ({'groups': {'head': [0, 9], 'medium': [1], 'tail': [2], 'rule': 'a'}}, r'groups\.head\.1: .*below 4, got 9'),
        ({'groups': {'head': [True], 'medium': [1], 'tail': [2], 'rule': 'a'}}, r'groups\.head\.0: .*got True'),
        ({'matrix': [[2**62] * 4] * 4}, 'matrix: expected counts that add up to less than'),
        ({'matrix': [[-1, 0, 0, 0]] * 4}, 'matrix: expected a whole number of at least 0, got -1'),
        ({'matrix_entries': [[0, 4, 1]]}, r'matrix_entries\.0: .*below 4, got 4'),
        ({'matrix_entries': [[0, 1, 1], [0, 1, 2]]}, 'matrix_entries: expected each cell once'),
        ({'calibration': [[0, 15, 1, 1, 0.5]]}, r'calibration\.0: .*below 15, got 15'),
        ({'commit': 5}, 'commit: expected a text, got 5'),
    ],
)
def test_a_field_that_cannot_be_right_is_named(tmp_path: Path, make_record: Make, change: dict, message: str) -> None:
    path = make_record().save(tmp_path / 'run.json')
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(ValueError, match=f'run.json.*{message}'):
        RunRecord.load(path)
