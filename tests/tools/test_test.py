"""tools/test.py: the report of every class, and what is known of the training in its record."""

import csv
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.runner import Runner
from tiny_training import quick_tools, tool, write_training

from ltseg.cli.test import apply_options, parse_arguments
from ltseg.reports.record import RunRecord

pytestmark = pytest.mark.usefixtures('mmseg_registered', 'quick')


@pytest.fixture(scope='module')
def quick() -> Iterator[None]:
    with quick_tools():
        yield


@pytest.fixture(scope='module')
def trained(tmp_path_factory: pytest.TempPathFactory, mmseg_registered: None, quick: None) -> tuple[Path, Path]:
    """A config and its work dir after training with another seed and name than the config has."""
    config = write_training(tmp_path_factory.mktemp('test'))
    work_dir = config.parent / 'work_dirs/training'
    tool('train')([str(config), '--seed', '4', '--method', 'ours', '--cfg-options', 'optimizer.lr=0.1'])
    return config, work_dir


def evaluate(trained: tuple[Path, Path], *options: str, checkpoint: str = 'iter_2.pth') -> None:
    tool('test')([str(trained[0]), str(trained[1] / checkpoint), *options])


def test_report_and_record(trained: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    evaluate(trained)
    shown = capsys.readouterr().out
    assert 'ours, U-Net, CamVid test, seed 4' in shown and shown.count('Bicyclist') < 4
    assert shown.lower().count('checkpoint') == 1
    record = RunRecord.load(trained[1] / 'records/test.json')
    of_training = RunRecord.load(trained[1] / 'records/val.json')
    assert (record.seed, record.iterations, record.method) == (4, 2, 'ours')
    assert record.settings == of_training.settings == {'optimizer.lr': 0.1}
    assert record.curves == of_training.curves
    assert record.setup['evaluation'] != of_training.setup['evaluation']
    assert record.setup | {'evaluation': 0} == of_training.setup | {'evaluation': 0}
    labels = record.evaluation.matrix.sum()
    assert labels == 2 * (36 - 1) * 48  # the first row of each label is void

    reports = trained[1] / 'reports'
    rows = list(csv.reader((reports / 'test_report.csv').read_text().splitlines()))
    iou = dict(zip(rows[0], next(row for row in rows if row[0] == 'IoU'), strict=True))
    assert float(iou['mean']) == pytest.approx(record.metrics()['mIoU'], abs=0.01)
    content = json.loads((reports / 'test_report.json').read_text())
    assert content['metrics']['mIoU_tail'] == record.metrics()['mIoU_tail']
    assert '| IoU |' in (reports / 'test_report.md').read_text()


def test_validation_split_gives_what_training_had(trained: tuple[Path, Path]) -> None:
    path = trained[1] / 'records/val.json'
    before = RunRecord.load(path)
    evaluate(trained, '--split', 'val')
    after = RunRecord.load(path)
    assert torch.equal(after.evaluation.matrix, before.evaluation.matrix)
    assert (after.curves, after.seed, after.method) == (before.curves, before.seed, before.method)


def test_another_work_dir_knows_seed_and_iterations_only(trained: tuple[Path, Path], tmp_path: Path) -> None:
    evaluate(trained, '--work-dir', str(tmp_path), '--name', 'again')
    evaluate(trained)
    of_its_own_work_dir = RunRecord.load(trained[1] / 'records/test.json')
    record = RunRecord.load(tmp_path / 'records/test.json')
    assert (record.name, record.method, record.seed, record.iterations) == ('again', 'ARB (batch)', 4, 2)
    assert not record.curves
    assert record.setup == of_its_own_work_dir.setup  # read off the checkpoint


def test_predictions_pictures_and_augmentation(trained: tuple[Path, Path], tmp_path: Path) -> None:
    folders = ('--out', str(tmp_path / 'out'), '--show-dir', str(tmp_path / 'shown'))
    evaluate(
        trained,
        '--tta',
        '--work-dir',
        str(tmp_path),
        *folders,
        '--cfg-options',
        'default_hooks.visualization.interval=9',
    )
    assert sorted(path.name for path in (tmp_path / 'out').iterdir()) == ['0.png', '1.png']
    assert len(list((tmp_path / 'shown').rglob('*.png'))) == 2
    record = RunRecord.load(tmp_path / 'tta/records/test.json')
    assert record.method == 'ARB (batch) + TTA' and record.settings['tta'] is True
    assert not (tmp_path / 'records').exists()


def test_evaluation_by_a_metric_of_mmengine(
    trained: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    evaluate(trained, '--work-dir', str(tmp_path), '--cfg-options', 'test_evaluator.type=IoUMetric')
    shown = capsys.readouterr().out
    assert 'No report' in shown and 'aAcc' in shown


def test_metrics_beside_ltseg_s_are_reported(
    trained: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = Config.fromfile(trained[0])
    config.test_evaluator = [config.test_evaluator, dict(type='IoUMetric', iou_metrics=['mDice'], prefix='theirs')]
    config.dump(tmp_path / 'two_metrics.py')
    evaluate((tmp_path / 'two_metrics.py', trained[1]), '--work-dir', str(tmp_path))
    record = RunRecord.load(tmp_path / 'records/test.json')
    assert set(record.other_metrics) == {'theirs/aAcc', 'theirs/mAcc', 'theirs/mDice'}
    assert record.other_metrics['theirs/aAcc'] == pytest.approx(record.metrics()['aAcc'], abs=0.01)
    content = json.loads((tmp_path / 'reports/test_report.json').read_text())
    assert content['other_metrics'] == record.other_metrics
    assert (
        f'theirs/mDice {record.other_metrics["theirs/mDice"]:.2f}' in (tmp_path / 'reports/test_report.md').read_text()
    )
    assert 'theirs/mDice' in capsys.readouterr().out


@pytest.mark.parametrize(
    ('checkpoint', 'options', 'expected'),
    [
        ('iter_9.pth', (), ['iter_9.pth', 'In its folder: iter_2.pth']),
        ('last_checkpoint', (), ['last_checkpoint', 'torch can load']),
        ('iter_2.pth', ('model.decode_head.num_classes=12',), ['num_classes', 'test_dataloader']),
        ('iter_2.pth', ('model.decode_head.channels=3',), ['iter_2.pth', 'decode_head.', 'Give the config']),
        ('iter_2.pth', ('test_dataloader.dataset.data_root=nowhere',), ['nowhere']),
    ],
)
def test_fault_ends_in_one_message(
    trained: tuple[Path, Path],
    checkpoint: str,
    options: tuple[str, ...],
    expected: list[str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit):
        evaluate(trained, *(('--cfg-options', *options) if options else ()), checkpoint=checkpoint)
    text = capsys.readouterr().err
    assert all(part in text for part in expected) and 'Traceback' not in text


def test_the_pipeline_of_augmentation_goes_into_wrapped_data_sets() -> None:
    leaves = [{'type': 'A', 'pipeline': ['plain']}, {'type': 'B'}]
    repeated = {'type': 'RepeatDataset', 'times': 1, 'dataset': leaves[0]}
    whole = {'type': 'ConcatDataset', 'datasets': [repeated, leaves[1]]}
    config = Config(
        {
            'model': {'type': 'M'},
            'tta_model': {'type': 'T'},
            'tta_pipeline': ['augment'],
            'test_dataloader': {'dataset': whole},
        }
    )
    apply_options(config, parse_arguments(['config.py', 'a.pth', '--tta']))
    inside = [{'type': 'A', 'pipeline': ['augment']}, {'type': 'B', 'pipeline': ['augment']}]
    wrapped = {'type': 'RepeatDataset', 'times': 1, 'dataset': inside[0]}
    expected = {'type': 'ConcatDataset', 'datasets': [wrapped, inside[1]]}
    assert config.test_dataloader.dataset.to_dict() == expected
    assert config.model.to_dict() == {'type': 'T', 'module': {'type': 'M'}}


def test_two_metrics_of_the_same_name_stop_before_the_model_is_built(
    trained: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    config = Config.fromfile(trained[0])
    config.test_evaluator = [config.test_evaluator, dict(type='IoUMetric')]
    config.dump(tmp_path / 'two_metrics.py')
    monkeypatch.setattr(Runner, 'build_model', lambda *_: pytest.fail('the model is built'))
    with pytest.raises(SystemExit) as ended:
        evaluate((tmp_path / 'two_metrics.py', trained[1]), '--work-dir', str(tmp_path))
    assert ended.value.code == 1
    assert 'test_evaluator: expected metrics of different names' in capsys.readouterr().err


def test_the_best_checkpoint_of_a_class_needs_no_rule(trained: tuple[Path, Path], tmp_path: Path) -> None:
    """mmengine alone, which builds the hooks of training also here, knows none. What is measured is the same."""
    best = ('--cfg-options', 'default_hooks.checkpoint.save_best=IoU/Car')
    evaluate(trained, '--split', 'val', '--work-dir', str(tmp_path), *best)
    of_training, record = (RunRecord.load(folder / 'records/val.json') for folder in (trained[1], tmp_path))
    assert torch.equal(record.evaluation.matrix, of_training.evaluation.matrix)
    assert record.metrics()['IoU/Car'] == of_training.metrics()['IoU/Car']
    assert not list(tmp_path.rglob('best_*'))
