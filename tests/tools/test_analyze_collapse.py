"""tools/analyze_collapse.py on tiny training runs of both tasks."""

import csv
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from hinted import hinted
from mmengine.config import Config
from tiny_training import quick_tools, tool, write_classification, write_training

pytestmark = pytest.mark.usefixtures('mmseg_registered', 'quick')


@pytest.fixture(scope='module')
def quick() -> Iterator[None]:
    with quick_tools():
        yield


@pytest.fixture(scope='module')
def segmentor(tmp_path_factory: pytest.TempPathFactory, mmseg_registered: None, quick: None) -> Path:
    """The config of a training run with two checkpoints, watched by a monitor."""
    hooks = [
        dict(type='ltseg.CountClasses'),
        dict(type='ltseg.ExactResume'),
        dict(type='ltseg.GradientMonitor', interval=1),
        dict(type='ltseg.CollapseMonitor', interval=1),
    ]
    config = write_training(tmp_path_factory.mktemp('segmentor'), 4, custom_hooks=hooks)
    tool('train')([str(config), '--seed', '1'])
    return config


def checkpoints(config: Path) -> list[str]:
    return [str(config.parent / f'work_dirs/training/iter_{number}.pth') for number in (4, 2)]


def test_a_segmentor_with_two_checkpoints(segmentor: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tool('analyze_collapse')([str(segmentor), *checkpoints(segmentor)])
    shown = capsys.readouterr().out
    assert '5 images of the train split' in shown and 'NC1: variation within classes' in shown
    folder = segmentor.parent / 'work_dirs/training/collapse'
    content = json.loads((folder / 'train.json').read_text())
    assert [point['iteration'] for point in content['checkpoints']] == [2, 4]
    state = torch.load(checkpoints(segmentor)[0], weights_only=False)['state_dict']
    lengths = state['decode_head.conv_seg.weight'].flatten(1).norm(dim=1)
    assert [row['classifier_norm'] for row in content['classes']] == pytest.approx(lengths.tolist(), rel=1e-5)
    table = json.loads(next((segmentor.parent / 'work_dirs/class_counts').glob('*.json')).read_text())
    assert [row['training_samples'] for row in content['classes']] == [row['samples'] for row in table['classes']]
    for name in (
        'curve_nc1',
        'map',
        'mean_angles',
        'gradient_repulsion',
        'gradient_attraction',
        'monitored_curve_balance',
    ):
        assert (folder / f'train_{name}.png').exists() and (folder / f'train_{name}.csv').exists()


def test_another_split_and_some_of_its_images(
    segmentor: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ('--split', 'val', '--limit', '1', '--formats', 'svg', '--work-dir', str(tmp_path), '--literal')
    tool('analyze_collapse')([str(segmentor), checkpoints(segmentor)[0], *options])
    assert '1 images of the val split' in capsys.readouterr().out
    assert {path.suffix for path in (tmp_path / 'collapse').iterdir()} == {'.svg', '.csv', '.json'}
    with (tmp_path / 'collapse/val.csv').open() as stream:
        header, row = csv.reader(stream)
    assert header[:3] == ['checkpoint', 'iteration', 'nc1'] and row[1] == '4' and float(row[2]) > 0


@pytest.mark.parametrize('name', ['resnet32_ce_cifar10lt100', 'resnet32_arb_cifar10lt100'])  # the latter mixes labels
def test_an_image_classifier(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = write_classification(tmp_path, name)
    tool('train')([str(config), '--seed', '4', '--cfg-options', 'optimizer.lr=0.01'])
    tool('analyze_collapse')(
        [str(config), str(tmp_path / 'work_dirs/training/epoch_1.pth'), '--map', 'tsne', '--formats']
    )
    assert '25 images of the train split, 25 images.' in capsys.readouterr().out
    content = json.loads((tmp_path / 'work_dirs/training/collapse/train.json').read_text())
    assert [row['samples'] for row in content['classes']] == [6, 4, 4, 3, 2, 2, 1, 1, 1, 1]


def test_weights_over_training_without_a_checkpoint(
    segmentor: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = Config.fromfile(segmentor)
    config.model.decode_head.loss_decode = dict(type='ltseg.CrossEntropyLoss', schedule=dict(shape='linear'))
    config.dump(tmp_path / 'scheduled.py')
    tool('analyze_collapse')([str(tmp_path / 'scheduled.py'), '--work-dir', str(tmp_path)])
    assert 'schedules_figures.json and 1 figures' in capsys.readouterr().out
    assert (tmp_path / 'collapse/schedules_weights.png').exists()
    with (tmp_path / 'collapse/schedules_weights.csv').open() as stream:
        header, *rows = csv.reader(stream)
    assert header == ['iterations done', 'cross entropy']
    assert [[float(value) for value in row] for row in rows] == [[0, 1], [1, 0.75], [2, 0.5], [3, 0.25]]

    config.model.decode_head.loss_decode.shedule = dict(shape='linear')
    config.dump(tmp_path / 'misspelt.py')
    with pytest.raises(SystemExit):
        tool('analyze_collapse')([str(tmp_path / 'misspelt.py')])
    said = capsys.readouterr().err
    assert "Did you mean 'schedule'?" in said and 'Traceback' not in said

    options = ('--work-dir', str(tmp_path), '--limit', '1', '--formats')
    with pytest.raises(SystemExit):
        tool('analyze_collapse')([str(segmentor), *options])
    hinted('Name a checkpoint.', capsys.readouterr().err)
    tool('analyze_collapse')([str(segmentor), checkpoints(segmentor)[0], *options])
    assert (tmp_path / 'collapse/train.json').exists()


@pytest.mark.parametrize(
    ('options', 'expected'),
    [
        (('--cfg-options', 'train_dataloader.dataset.data_root=nowhere'), ['nowhere']),
        (('--cfg-options', 'model.decode_head.channels=3'), ['iter_4.pth', 'decode_head.', 'Give the config']),
    ],
)
def test_fault_ends_in_one_message(
    segmentor: Path, options: tuple[str, ...], expected: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        tool('analyze_collapse')([str(segmentor), checkpoints(segmentor)[0], *options])
    text = capsys.readouterr().err
    assert all(part in text for part in expected) and 'Traceback' not in text


def test_a_missing_checkpoint_is_named_before_anything_runs(
    segmentor: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        tool('analyze_collapse')([str(segmentor), checkpoints(segmentor)[0], 'iter_9.pth'])
    assert 'iter_9.pth' in capsys.readouterr().err
