"""What a record says of a run, and what a test's record takes over from the training run."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from mmengine.config import Config
from mmengine.logging import MessageHub
from mmengine.runner import EpochBasedTrainLoop

from ltseg.cli.recording import LostValidation, RunRecorder
from ltseg.cli.run_records import RunSource, evaluation_of, other_metrics, record_of, training_of
from ltseg.counts.groups import ClassGroups
from ltseg.counts.shots import build_shots
from ltseg.metrics.evaluation import Evaluation
from ltseg.metrics.task import CLASSIFICATION
from ltseg.reports.record import RunRecord


def evaluation() -> Evaluation:
    counts = torch.tensor([5, 3, 2])
    return Evaluation(torch.diag(counts), ('a', 'b', 'c'), ClassGroups.tertiles(counts), counts, 'a list')


LABELS = {'method': 'ARB (batch)', 'model': 'U-Net', 'dataset': 'CamVid'}
SOURCE = RunSource('configs/unet_arb_camvid.py', LABELS, {'evaluation': {'batch_size': 1}}, {'model': {'type': 'A'}})


def test_evaluation_is_the_first_one_that_a_loop_has() -> None:
    def loop(*metrics: Any) -> Any:
        return SimpleNamespace(evaluator=SimpleNamespace(metrics=metrics))

    found, reference = SimpleNamespace(evaluation=evaluation()), SimpleNamespace()
    assert evaluation_of(loop(reference, SimpleNamespace(evaluation=None), found)) is found.evaluation
    assert evaluation_of(loop(reference)) is None
    assert evaluation_of(None) is None


def test_record_of_a_test_takes_over_from_its_own_training_only(tmp_path: Path) -> None:
    """Another seed, or a checkpoint from behind the record, is another training run."""
    curves = {'val': [{'iteration': 8, 'mIoU': 1.0}]}
    training = {'seed': 3, 'iterations': 8, 'curves': curves, 'settings': {'a': 1}, 'method': 'ours'}
    record_of(evaluation(), 'val', SOURCE, training).save(tmp_path / 'val.json')
    known = training_of({'seed': 3, 'iter': 8}, tmp_path)
    assert {key: known[key] for key in training} == training
    assert known['setup'] == SOURCE.setup  # without the evaluation, which is another
    assert training_of({'seed': 4, 'iter': 8}, tmp_path) == {'seed': 4, 'iterations': 8}
    assert training_of({'seed': 3, 'iter': 9}, tmp_path) == {'seed': 3, 'iterations': 9}
    assert training_of({}, tmp_path) == {'seed': None, 'iterations': None}
    assert training_of({'seed': 3, 'iter': 8}, tmp_path / 'none') == {'seed': 3, 'iterations': 8}


class Loop(EpochBasedTrainLoop):
    """An epoch-based loop without anything else."""

    def __init__(self) -> None:
        self._max_epochs, self.val_begin, self.val_interval = 5, 1, 2
        self._epoch, self.dynamic_milestones, self.dynamic_intervals = 0, [0], [2]


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
    LostValidation().before_train(runner)
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
    LostValidation().before_train(runner)
    assert len(done) == runs


def test_validating_once_more_replaces_the_point() -> None:
    hub = MessageHub('curve of one point')
    runner = SimpleNamespace(val_loop=None, message_hub=hub, iter=7)
    for value in (1.0, 2.0):
        RunRecorder(SOURCE).after_val_epoch(runner, {'mIoU': value})
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
    RunRecorder(SOURCE).after_train(runner)
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
        RunRecorder(SOURCE).after_val_epoch(
            runner, {**found.metrics(), 'mDice': 3.0, 'theirs/matrix': torch.ones(2, 2)}
        )
        (point,) = hub.runtime_info['ltseg_curve']
        assert point[kept] == 100 and point['iteration'] == 7 and point['mDice'] == 3
        assert not {'accuracy/a', 'IoU/a', 'theirs/matrix'} & set(point)


def test_command_line_comes_before_the_training_and_that_before_the_config(tmp_path: Path) -> None:
    source = replace(SOURCE, given={'name': 'again', 'method': None, 'settings': {'b': 2}})
    record = record_of(evaluation(), 'test', source, {'method': 'ours', 'seed': 1, 'settings': {'a': 1}})
    assert (record.name, record.method, record.model, record.seed) == ('again', 'ours', 'U-Net', 1)
    assert record.settings == {'a': 1, 'b': 2}
    assert record_of(evaluation(), 'test', SOURCE, {}).name == 'unet_arb_camvid'
    path = record.save(tmp_path / 'test.json')
    assert RunRecord.load(path).metrics() == record.metrics()


def test_every_number_of_other_metrics_reaches_the_record(tmp_path: Path) -> None:
    own = evaluation()
    metrics = {
        **own.metrics(),
        'mDice': 40.0,
        'theirs/top5': torch.tensor(3),
        'nowhere': float('nan'),
        'matrix': torch.ones(2, 2),
        'text': 'high',
    }
    assert other_metrics(own, metrics) == {'mDice': 40, 'theirs/top5': 3}
    record = record_of(own, 'test', SOURCE, {}, metrics)
    loaded = RunRecord.load(record.save(tmp_path / 'test.json'))
    assert loaded.other_metrics == {'mDice': 40, 'theirs/top5': 3}
    assert loaded.metrics()['mDice'] == 40 and loaded.metrics()['mIoU'] == own.means()['mIoU']
    assert loaded.setup == {**SOURCE.setup, **SOURCE.evaluation}


def test_a_test_takes_the_setup_from_the_checkpoint_and_else_has_none() -> None:
    unknown = replace(SOURCE, setup={})
    assert record_of(evaluation(), 'test', unknown, training_of({}, Path('none'))).setup == {}
    config = "model = dict(type='B', depth=50)\nwork_dir = '/home/x'\nrandomness = dict(seed=4)\n"
    meta = {'seed': 4, 'iter': 8, 'cfg': config}
    known = {'seed': 4, 'iterations': 8, 'setup': {'model': {'type': 'B', 'depth': 50}}}
    assert training_of(meta, Path('none'), stages=2) == known
    record = record_of(evaluation(), 'test', unknown, training_of(meta, Path('none')))
    assert record.setup == {'model': {'type': 'B', 'depth': 50}, **SOURCE.evaluation}
    assert (record.seed, record.model) == (4, 'B')  # and not what the config that it is tested with says


@pytest.mark.parametrize(
    ('tested', 'label'), [('ltseg.CamVidDataset', 'CamVid'), ('DarkZurichDataset', 'Dark Zurich, trained on CamVid')]
)
def test_a_test_on_other_data_says_so(tested: str, label: str) -> None:
    loaders = [f"{split}_dataloader = dict(dataset=dict(type='ltseg.CamVidDataset'))" for split in ('train', 'val')]
    meta = {'cfg': '\n'.join(["model = dict(type='B')", *loaders])}
    config = Config({'model': {'type': 'B'}, 'test_dataloader': {'dataset': {'type': tested}}})
    source = RunSource.of_test('any.py', [config], 'test', {})
    assert record_of(evaluation(), 'test', source, training_of(meta, Path('none'))).dataset == label
    named = RunSource.of_test('any.py', [Config({**config, 'report': {'dataset': 'night'}})], 'test', {})
    assert record_of(evaluation(), 'test', named, training_of(meta, Path('none'))).dataset == 'night'


def test_training_images_for_validation_make_the_test_no_other_data() -> None:
    """CIFAR has no validation images: some methods validate on those of training."""
    rest = dict(type='ltseg.CIFARDataset', num_classes=10, split='test')
    part = dict(type='ltseg.LongTailedDataset', imbalance_factor=100, dataset={**rest, 'split': 'train'})
    data = {'train': part, 'val': part, 'test': rest}
    config = Config({'model': {'type': 'B'}, **{f'{split}_dataloader': {'dataset': data[split]} for split in data}})
    source = RunSource.of_test('any.py', [config], 'test', {})
    trained = training_of({'cfg': config.pretty_text}, Path('none'))
    assert record_of(evaluation(), 'test', source, trained).dataset == 'CIFAR-10-LT 100'


def test_labels_are_those_of_the_config_that_a_checkpoint_was_trained_with() -> None:
    head = "dict(type='FCNHead', loss_decode=dict(type='ltseg.FocalLoss', gamma=1))"
    config = f"model = dict(backbone=dict(type='ResNet', depth=50), decode_head={head})"
    record = record_of(evaluation(), 'test', replace(SOURCE, setup={}), training_of({'cfg': config}, Path('none')))
    assert (record.method, record.model, record.dataset) == ('focal (gamma 1)', 'FCNHead on ResNet-50', 'own data')


@pytest.mark.parametrize(
    'text',
    [
        'model = dict(1)',
        'model = {[1]: 2}',
        'model = -"a"',
        'model = ' + '-' * 50_000,
        'model = dict(type=5, decode_head=[3])',
        "model = dict(type='A')\ncustom_hooks = 5",
        "model = dict(type='A')\ndefault_hooks = [1]\ntrain_dataloader = 'x'",
        "model = dict(type='A', backbone=7, head=dict(loss=[{}]))\nreport = 3",
        "model = dict(type='A')\nreport = dict(method='a\\x1b[2J', model='b' * 2000)",
        f"model = dict(type='{'A' * 2000}', low=-1e400, many={10**400})",
        3,
    ],
)
def test_a_strange_config_in_a_checkpoint_ends_no_evaluation(text: object, tmp_path: Path) -> None:
    record = record_of(evaluation(), 'test', SOURCE, training_of({'seed': 4, 'iter': 8, 'cfg': text}, Path('none')))
    loaded = RunRecord.load(record.save(tmp_path / 'test.json'))
    assert (loaded.seed, loaded.iterations) == (4, 8)
