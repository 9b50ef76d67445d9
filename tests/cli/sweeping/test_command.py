"""ltseg sweep as a whole, on tiny data."""

import runpy
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from hinted import hinted
from small_choice import Here
from tiny_training import forget_runs, quick_tools, tool, write_classification, write_training

from ltseg.cli import sweep as command
from ltseg.cli.sweep import main
from ltseg.reports.record import RunRecord, find_records

pytestmark = pytest.mark.usefixtures('mmseg_registered', 'quick')
TAU = 'model.decode_head.loss_decode.tau'
LOSS = {'model.decode_head.loss_decode': dict(type='ltseg.LogitAdjustedLoss', _delete_=True)}
FOLDER = Path('work_dirs/training/sweep_loss_decode.tau')


@pytest.fixture(scope='module')
def quick() -> Iterator[None]:
    with quick_tools():
        yield


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(command, 'process_pool', lambda _: Here())
    return tmp_path


@pytest.fixture
def config(here: Path) -> str:
    return str(write_training(here, **LOSS))


def records() -> dict[Path, RunRecord]:
    return {path: RunRecord.load(path) for path in sorted(FOLDER.glob('runs/*/records/val.json'))}


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    with pytest.raises(SystemExit):
        main([*arguments])
    return capsys.readouterr().err


def test_it_trains_tabulates_and_draws(config: str, capsys: pytest.CaptureFixture[str]) -> None:
    main([config, '--over', f'{TAU}=0,1', '--seeds', '2', '--metric', 'mIoU', 'IoU/Car'])
    found = records()
    assert {(record.settings[TAU], record.seed) for record in found.values()} == {
        (t, s) for t in (0, 1) for s in (0, 1)
    }
    said = ' '.join(capsys.readouterr().out.split())
    assert 'loss_decode.tau 0, seed 0:' in said and 'mIoU_tail' in said
    rows = (FOLDER / 'sweep.md').read_text().splitlines()
    for tau in (0, 1):
        values = [record.metrics()['mIoU'] for record in found.values() if record.settings[TAU] == tau]
        assert any(row.startswith(f'| {tau} | 2 | {values[0]:.2f}, {values[1]:.2f} |') for row in rows)
    for name in ('mIoU.png', 'IoU_Car.png', 'sweep.csv'):
        assert (FOLDER / name).stat().st_size
    assert 'mIoU over loss_decode.tau' in (FOLDER / 'sweep.html').read_text()

    before = {path: path.stat().st_mtime_ns for path in found}
    (gone, *_) = before
    gone.unlink()  # as if it had been killed before its end
    main([config, '--over', f'{TAU}=0,1', '--seeds', '2', '--cfg-options', 'val_dataloader.persistent_workers=False'])
    assert 'Trained before: 3 of 4 runs.' in capsys.readouterr().out
    assert [path for path in before if path.stat().st_mtime_ns != before[path]] == [gone]
    again = RunRecord.load(gone)  # which went on from the checkpoint
    assert torch.equal(again.evaluation.matrix, found[gone].evaluation.matrix) and again.curves == found[gone].curves


def test_a_run_is_that_of_ltseg_train(config: str) -> None:
    main([config, '--over', f'{TAU}=0.5', '--seeds', '1'])
    assert not (FOLDER / 'weights.png').exists()  # none changes
    (record,) = records().values()
    tool('train')([config, '--work-dir', 'by_hand', '--seed', '0', '--cfg-options', f'{TAU}=0.5'])
    (by_hand,) = find_records(['by_hand'])
    assert torch.equal(record.evaluation.matrix, by_hand.evaluation.matrix)
    assert (record.setup, record.settings, record.curves) == (by_hand.setup, by_hand.settings, by_hand.curves)


def test_weights_that_differ_over_training_are_drawn(here: Path) -> None:
    loss = dict(type='ltseg.LogitAdjustedLoss', schedule=dict(shape='cumulative', power=2.0), _delete_=True)
    config = write_training(here, **{'model.decode_head.loss_decode': loss})
    power = 'model.decode_head.loss_decode.schedule.power'
    main([str(config), '--over', f'{power}=0.5,3', '--seeds', '1'])
    folder = Path('work_dirs/training/sweep_schedule.power')
    assert (folder / 'weights.png').stat().st_size
    page = (folder / 'sweep.html').read_text()
    assert 'Weights over training' in page and 'schedule.power 3: logit adjusted' in page


def test_two_options_of_a_classifier_in_stages(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stages = [dict(name='one'), dict(name='two')]
    path = write_classification(here, stages=stages, train_dataloader=dict(batch_size=60))
    over = [
        '--over',
        'model.head.loss.label_smoothing=0.0,0.1',
        '--over',
        'optim_wrapper.optimizer.nesterov=True,False',
    ]
    main([str(path), *over, '--seeds', '1'])
    folder = Path('work_dirs/training/sweep_loss.label_smoothing_optimizer.nesterov')
    assert len(list(folder.glob('runs/*/two/records/val.json'))) == 4
    assert (folder / 'accuracy_few.png').is_file()
    said = ' '.join(capsys.readouterr().out.split())
    assert 'loss.label_smoothing 0.1, optimizer.nesterov False, seed 0:' in said


def test_all_faults_are_said_before_training(config: str, capsys: pytest.CaptureFixture[str]) -> None:
    said = refused(capsys, config, '--over', f'{TAU}x=1', '--over', f'{TAU}=1,abc')
    assert "Did you mean 'tau'?" in said and "a number, like 1.0, got 'abc'" in said
    rate = 'optim_wrapper.optimizer.lr'
    said = refused(capsys, config, '--over', f'{rate}=1,-1,-2')
    assert f'--over {rate}=-1:' in said and f'--over {rate}=-2:' in said and f'{rate}=1:' not in said
    assert 'Near it: mIoU' in refused(capsys, config, '--over', f'{TAU}=1', '--metric', 'mIuO')
    assert '--seeds: expected' in refused(capsys, config, '--over', f'{TAU}=1', '--seeds', '0')
    said = refused(capsys, config, '--over', 'train_cfg.val_interval=1,2')
    hinted('Sweep over the option that the model, the data or the schedule is built with.', said)
    assert not [*Path('work_dirs/training').glob('sweep*')]
    main([config, '--over', 'train_cfg.max_iters=1,2', '--seeds', '1'])


def test_a_record_is_needed(config: str, capsys: pytest.CaptureFixture[str]) -> None:
    other = ['--cfg-options', 'val_evaluator.type=IoUMetric']
    said = refused(capsys, config, '--over', f'{TAU}=0,1', *other)
    hinted("Set val_evaluator=dict(type='ltseg.LongTailIoU'), or 'ltseg.LongTailAccuracy' for a classifier.", said)
    main([config, '--over', f'{TAU}=0', '--seeds', '1', '--cfg-options', 'val_evaluator.type=ltseg.LongTailIoU'])


def test_a_run_that_fails_is_named_and_the_others_end(
    config: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    train = command.train_run

    def fail(run: Any) -> None:
        if 'tau 1' in run.label:
            raise OSError('no space')
        train(run)

    with monkeypatch.context() as patch:
        patch.setattr(command, 'train_run', fail)
        said = refused(capsys, config, '--over', f'{TAU}=1,0', '--seeds', '1')
    hinted('The same command trains what is left.', said)
    assert 'loss_decode.tau 1, seed 0: OSError: no space' in said and (FOLDER / 'sweep.md').is_file()
    main([config, '--over', f'{TAU}=1,0', '--seeds', '1'])
    assert len(records()) == 2


@pytest.mark.slow
def test_processes_of_their_own(config: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the tool starts it."""
    monkeypatch.undo()
    monkeypatch.chdir(Path(config).parent)
    forget_runs()
    tool_main: Callable[..., None] = runpy.run_path(str(Path(__file__).parents[3] / 'tools/sweep.py'))['main']
    monkeypatch.setattr(sys, 'argv', ['sweep.py'])
    tool_main([config, '--over', f'{TAU}=0,1', '--seeds', '1', '--workers', '2'])
    assert len(records()) == 2
