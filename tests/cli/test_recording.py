"""Names of a run, and what a test's record takes over from the training."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from mmengine.logging import MessageHub
from mmengine.runner import EpochBasedTrainLoop

from ltseg.cli.recording import RunRecorder, evaluation_of, names_of, record_of, training_of
from ltseg.counts.groups import ClassGroups
from ltseg.counts.shots import build_shots
from ltseg.metrics.evaluation import Evaluation
from ltseg.metrics.task import CLASSIFICATION
from ltseg.reports.record import RunRecord


def evaluation() -> Evaluation:
    counts = torch.tensor([5, 3, 2])
    return Evaluation(torch.diag(counts), ('a', 'b', 'c'), ClassGroups.tertiles(counts), counts, 'a list')


@pytest.mark.parametrize(
    ('config', 'expected'),
    [
        ('configs/unet_arb_camvid.py', ('U-Net', 'ARB (batch)', 'CamVid')),
        ('deeplabv3plus_balanced_softmax_cityscapes.py', ('DeepLabv3+', 'balanced softmax', 'Cityscapes')),
        ('unet_ce_camvid_full.py', ('U-Net', 'cross entropy', 'CamVid full')),
        ('segformer_my_loss_ade20k.py', ('segformer', 'my_loss', 'ade20k')),
        ('unet_arb.py', ('U-Net', 'ARB (batch)', 'own data')),
        ('fpn_r50_4xb4-160k_potsdam-512x512_ce.py', ('fpn_r50_4xb4-160k_potsdam-512x512', 'cross entropy', 'own data')),
        ('mine_balanced_softmax.py', ('mine', 'balanced softmax', 'own data')),
        ('mine.py', ('own model', 'mine', 'own data')),
        ('two_parts.py', ('own model', 'two_parts', 'own data')),
    ],
)
def test_names_come_from_the_file(config: str, expected: tuple[str, ...]) -> None:
    names = names_of(config)
    assert (names['model'], names['method'], names['dataset']) == expected
    assert names['name'] == Path(config).stem


def test_evaluation_is_the_first_one_that_a_loop_has() -> None:
    def loop(*metrics: Any) -> Any:
        return SimpleNamespace(evaluator=SimpleNamespace(metrics=metrics))

    found, reference = SimpleNamespace(evaluation=evaluation()), SimpleNamespace()
    assert evaluation_of(loop(reference, SimpleNamespace(evaluation=None), found)) is found.evaluation
    assert evaluation_of(loop(reference)) is None
    assert evaluation_of(None) is None


def test_record_of_a_test_takes_over_from_its_own_training_only(tmp_path: Path) -> None:
    """Another seed, or a checkpoint from behind the record, is another training."""
    curves = {'val': [{'iteration': 8, 'mIoU': 1.0}]}
    training = {'seed': 3, 'iterations': 8, 'curves': curves, 'settings': {'a': 1}, 'method': 'ours'}
    record_of(evaluation(), 'val', 'unet_arb_camvid.py', {'name': None}, training).save(tmp_path / 'val.json')
    known = training_of({'seed': 3, 'iter': 8}, tmp_path)
    assert {key: known[key] for key in training} == training
    assert training_of({'seed': 4, 'iter': 8}, tmp_path) == {'seed': 4, 'iterations': 8}
    assert training_of({'seed': 3, 'iter': 9}, tmp_path) == {'seed': 3, 'iterations': 9}
    assert training_of({}, tmp_path) == {'seed': None, 'iterations': None}
    assert training_of({'seed': 3, 'iter': 8}, tmp_path / 'none') == {'seed': 3, 'iterations': 8}


class Loop(EpochBasedTrainLoop):
    """An epoch-based loop without anything else."""

    def __init__(self) -> None:
        self._max_epochs, self.val_begin, self.val_interval = 5, 1, 2


@pytest.mark.parametrize(
    ('epoch', 'points', 'runs'),
    [(0, [], 0), (1, [], 0), (2, [], 1), (2, [20], 0), (4, [20], 1), (5, [20, 40], 1), (5, [20, 40, 50], 1)],
)
def test_validation_lost_behind_its_checkpoint_is_made_up_for_by_epochs(epoch: int, points: list, runs: int) -> None:
    done = []
    runner = SimpleNamespace(
        train_loop=Loop(),
        epoch=epoch,
        iter=10 * epoch,
        val_loop=SimpleNamespace(run=lambda: done.append(epoch)),
        message_hub=SimpleNamespace(runtime_info={'ltseg_curve': [{'iteration': point} for point in points]}),
    )
    RunRecorder('config.py', {}).before_train(runner)
    assert len(done) == runs


@pytest.mark.parametrize(('epoch', 'runs'), [(2, 0), (4, 1)])
def test_validation_before_its_first_epoch_was_not_lost(epoch: int, runs: int) -> None:
    done: list[int] = []
    loop = Loop()
    loop.val_begin = 4
    runner = SimpleNamespace(
        train_loop=loop,
        epoch=epoch,
        iter=10 * epoch,
        val_loop=SimpleNamespace(run=lambda: done.append(epoch)),
        message_hub=SimpleNamespace(runtime_info={}),
    )
    RunRecorder('config.py', {}).before_train(runner)
    assert len(done) == runs


def test_validating_once_more_replaces_the_point() -> None:
    hub = MessageHub('curve of one point')
    runner = SimpleNamespace(val_loop=None, message_hub=hub, iter=7)
    for value in (1.0, 2.0):
        RunRecorder('config.py', {}).after_val_epoch(runner, {'mIoU': value})
    assert hub.runtime_info['ltseg_curve'] == [{'iteration': 7, 'mIoU': 2.0}]


@pytest.mark.parametrize('rank', [0, 1])
def test_the_first_process_records_the_losses_that_mmengine_has_kept(tmp_path: Path, rank: int) -> None:
    """The last 250 of 1000 iterations here, in at most 100 points."""
    losses = torch.arange(250.0, dtype=torch.float64)
    metric = SimpleNamespace(evaluation=evaluation())
    runner = SimpleNamespace(
        rank=rank,
        seed=3,
        iter=1000,
        work_dir=str(tmp_path),
        val_loop=SimpleNamespace(evaluator=SimpleNamespace(metrics=[metric])),
        message_hub=SimpleNamespace(
            runtime_info={}, log_scalars={'train/loss': SimpleNamespace(data=(losses.numpy(), None))}
        ),
        logger=SimpleNamespace(info=lambda text: None),
    )
    RunRecorder('unet_arb_camvid.py', {}).after_train(runner)
    path = tmp_path / 'records/val.json'
    assert path.is_file() == (rank == 0)
    if path.is_file():
        points = RunRecord.load(path).curves['train']
        assert [point['iteration'] for point in points] == list(range(753, 1000, 3))
        assert [point['loss'] for point in points] == losses[:249].view(-1, 3).mean(1).tolist()


def test_curve_has_means_of_either_task_and_no_single_class() -> None:
    counts, names = torch.tensor([200, 50, 3]), ('a', 'b', 'c')
    groups = build_shots(None, counts, names)
    classified = Evaluation(torch.diag(counts), names, groups, counts, 'a list', CLASSIFICATION)
    for found, kept in ((classified, 'accuracy/top1'), (evaluation(), 'mIoU_tail')):
        metric, hub = SimpleNamespace(evaluation=found), MessageHub('curve')
        loop = SimpleNamespace(evaluator=SimpleNamespace(metrics=[metric]))
        runner = SimpleNamespace(val_loop=loop, message_hub=hub, iter=7)
        RunRecorder('config.py', {}).after_val_epoch(runner, {**found.metrics(), 'mDice': 3.0, 'data/time': 1.0})
        (point,) = hub.runtime_info['ltseg_curve']
        assert point[kept] == 100 and point['iteration'] == 7 and point['mDice'] == 3
        assert not {'accuracy/a', 'IoU/a', 'data/time'} & set(point)


def test_command_line_comes_before_the_training_and_that_before_the_file(tmp_path: Path) -> None:
    given = {'name': 'again', 'method': None}
    record = record_of(evaluation(), 'test', 'unet_arb_camvid.py', given, {'method': 'ours', 'seed': 1})
    assert (record.name, record.method, record.model, record.seed) == ('again', 'ours', 'U-Net', 1)
    path = record.save(tmp_path / 'test.json')
    assert RunRecord.load(path).metrics() == record.metrics()
