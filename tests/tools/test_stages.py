"""A recipe of two stages as one command: train, be interrupted, go on, test."""

from collections.abc import Callable, Iterator
from pathlib import Path
from weakref import ReferenceType, ref

import pytest
import torch
from tiny_training import quick_tools, tool, write_classification

from ltseg.cli.runner import CalmRunner
from ltseg.reports.record import RunRecord

pytestmark = pytest.mark.usefixtures('mmseg_registered', 'quick')


@pytest.fixture(scope='module')
def quick() -> Iterator[None]:
    with quick_tools():
        yield


@pytest.fixture(scope='module')
def trained(tmp_path_factory: pytest.TempPathFactory, mmseg_registered: None, quick: None) -> tuple[Path, Path]:
    """A config for cRT, of one and of two epochs, and its work dir."""
    config = write_classification(tmp_path_factory.mktemp('stages'), 'resnet32_crt_cifar10lt100')
    tool('train')([str(config), '--cfg-options', 'stages.1.train_cfg.max_epochs=2'])
    return config, config.parents[1] / 'work_dirs/training'


def weights(path: Path) -> dict[str, torch.Tensor]:
    return torch.load(path, weights_only=False)['state_dict']


def test_second_stage_trains_on_what_the_first_has_learned(trained: tuple[Path, Path]) -> None:
    _, work_dir = trained
    first, second = weights(work_dir / 'representation/epoch_1.pth'), weights(work_dir / 'classifier/epoch_2.pth')
    assert {name for name, value in first.items() if not torch.equal(value, second[name])} == {
        'head.fc.weight',
        'head.fc.bias',
    }
    records = [RunRecord.load(work_dir / stage / 'records/val.json') for stage in ('representation', 'classifier')]
    method = 'cRT'
    assert [record.method for record in records] == [f'{method}, stage representation', method]
    of_first = {key: value for key, value in records[0].setup.items() if key != 'evaluation'}
    assert records[1].setup['stages_before'] == [of_first] and 'load_from' not in records[1].setup
    assert len(list((work_dir / 'class_counts').iterdir())) == 1


def test_interrupted_training_goes_on_where_it_was(trained: tuple[Path, Path]) -> None:
    """In the second stage here; what the first has left is not touched."""
    config, work_dir = trained
    expected = weights(work_dir / 'classifier/epoch_2.pth')
    first = (work_dir / 'representation/epoch_1.pth').stat().st_mtime_ns
    (work_dir / 'classifier/epoch_2.pth').unlink()
    tool('train')([str(config), '--resume', '--cfg-options', 'stages.1.train_cfg.max_epochs=2'])
    resumed = weights(work_dir / 'classifier/epoch_2.pth')
    assert all(torch.equal(value, resumed[name]) for name, value in expected.items())
    assert (work_dir / 'representation/epoch_1.pth').stat().st_mtime_ns == first


@pytest.mark.parametrize('stage', ['representation', 'classifier'])
def test_a_kill_between_the_last_checkpoint_and_the_record_costs_no_record(
    trained: tuple[Path, Path], stage: str
) -> None:
    config, work_dir = trained
    path = work_dir / stage / 'records/val.json'
    before, checkpoints = RunRecord.load(path), {p: p.stat().st_mtime_ns for p in work_dir.rglob('*.pth')}
    path.unlink()
    tool('train')([str(config), '--resume', '--cfg-options', 'stages.1.train_cfg.max_epochs=2'])
    after = RunRecord.load(path)
    assert torch.equal(after.evaluation.matrix, before.evaluation.matrix)
    assert (after.method, after.iterations, after.seed) == (before.method, before.iterations, before.seed)
    assert {p: p.stat().st_mtime_ns for p in work_dir.rglob('*.pth')} == checkpoints


def test_testing_is_of_the_last_stage(trained: tuple[Path, Path]) -> None:
    config, work_dir = trained
    tool('test')([str(config), str(work_dir / 'classifier/epoch_2.pth')])
    assert RunRecord.load(work_dir / 'classifier/records/test.json').evaluation.matrix.sum() == 60


def test_a_stage_lets_go_of_its_memory(
    trained: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runners: list[ReferenceType[CalmRunner]] = []
    alive: list[int] = []

    def train(runner: CalmRunner, original: Callable = CalmRunner.train) -> None:
        alive.append(sum(known() is not None for known in runners))
        runners.append(ref(runner))
        original(runner)

    monkeypatch.setattr(CalmRunner, 'train', train)
    tool('train')([str(trained[0]), '--work-dir', str(tmp_path / 'run')])
    assert alive == [0, 0]


def test_faults_of_all_stages_come_before_the_first(
    trained: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config, _ = trained
    wrong = ['--work-dir', str(tmp_path / 'run'), '--cfg-options', 'stages.1.extra_hooks.0.type=ltseg.TrainJust']
    with pytest.raises(SystemExit):
        tool('train')([str(config), *wrong])
    text = capsys.readouterr().err
    assert 'ltseg.TrainOnly' in text and 'Traceback' not in text and not (tmp_path / 'run').exists()
