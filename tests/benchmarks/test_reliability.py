"""Random damage is refused in one message, or makes no difference; benchmarks/reliability.py does more of the same."""

import importlib
import json
import re
from collections import Counter
from pathlib import Path
from random import Random
from types import ModuleType

import pytest
import torch

FOLDER = Path(__file__).parents[2] / 'benchmarks'


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch):
    """Imports a file of the folder as the scripts import each other."""
    monkeypatch.syspath_prepend(str(FOLDER))
    return importlib.import_module


@pytest.fixture
def files(load) -> ModuleType:
    return load('reliability_files')


@pytest.mark.parametrize(('number', 'page'), [(400, False), (25, True)], ids=['compare', 'page'])
def test_mutated_records(files: ModuleType, number: int, page: bool, tmp_path: Path) -> None:
    """Anything but an error of ltseg is a fault."""
    found = Counter(files.check_record(index, tmp_path, page) for index in range(number))
    assert min(found['refused'], found['used']) > number / 10


def test_mutated_tables(files: ModuleType, tmp_path: Path) -> None:
    found = Counter(files.check_table_of_counts(index, tmp_path) for index in range(500))
    assert min(found['refused'], found['used']) > 50


@pytest.mark.parametrize('kind', ['checkpoint', 'label'])
def test_damaged_bytes(files: ModuleType, kind: str, tmp_path: Path) -> None:
    found = Counter(getattr(files, f'check_{kind}')(index, tmp_path) for index in range(200))
    assert found['refused'] > 150


def test_random_losses(load) -> None:
    check_loss = load('reliability_losses').check_loss
    assert len({check_loss(index).partition('(')[0] for index in range(300)}) == 8


def test_a_wrong_loss_is_found(load, monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise the test above could not fail."""
    losses = load('reliability_losses')
    right = losses._expected
    monkeypatch.setattr(losses, '_expected', lambda *arguments: right(*arguments) * 1.01)
    with pytest.raises(AssertionError):
        for index in range(30):
            losses.check_loss(index)


def test_the_same_number_does_the_same_damage(load) -> None:
    mutations, content = load('mutations'), {'a': [1, 2, {'b': 'c'}], 'd': 0.5}
    texts = [mutations.mutated_json(content, Random(index)) for index in range(50)]
    assert texts == [mutations.mutated_json(content, Random(index)) for index in range(50)]
    assert len({*texts}) > 25 and sum(text == json.dumps(content) for text in texts) < 10
    assert len({mutations.mutated_bytes(bytes(100), Random(index)) for index in range(50)}) > 20


def test_a_fault_is_shown_with_its_number(load, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    reliability = load('reliability')

    def check(number: int, folder: Path) -> str:
        if number == 7:
            raise KeyError('[red]')
        return 'used'

    threads = torch.get_num_threads()
    monkeypatch.setattr(reliability, 'CAMPAIGNS', {**reliability.CAMPAIGNS, 'labels': check})
    assert reliability.main(['--only', 'labels', '--runs', '10']) == 1
    printed = capsys.readouterr().out
    assert "FAULT labels 7: KeyError: '[red]'" in printed
    assert 'labels: 10 runs, 1 faults (FAULT 1, used 9)' in printed
    assert reliability.main(['--only', 'labels', '--runs', '3', '--first', '4']) == 0
    torch.set_num_threads(threads)


@pytest.mark.slow
@pytest.mark.parametrize('number', [1, 10])  # a segmentor, and two stages with averaged weights
def test_killed_runs_end_as_others(load, number: int, tmp_path: Path) -> None:
    said = load('reliability_kills').check_kills(number, tmp_path)
    assert re.search(r', [1-9] kills$', said), said


@pytest.mark.slow
def test_another_end_is_found(load, tmp_path: Path) -> None:
    """Otherwise the test above could not fail."""
    kills = load('reliability_kills')
    variant = kills.Variant('segmentation', averaged=False, schedule=0, workers=0)
    for name, value in (('one', 1.0), ('other', 2.0)):
        (tmp_path / name).mkdir()
        torch.save({'state_dict': {'weight': torch.full((3,), value)}}, tmp_path / name / 'iter_1.pth')
    with pytest.raises(AssertionError, match='another state_dict'):
        kills._compare(tmp_path / 'one', tmp_path / 'other', variant)
    kills._compare(tmp_path / 'one', tmp_path / 'one', variant)
