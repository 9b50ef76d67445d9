"""tools/train.py from the command line to its files; tests/cli has each single fault of a config."""

from argparse import Namespace
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest
import torch
from hinted import hinted
from mmengine.config import Config
from tiny_runs import write_sample
from tiny_training import quick_tools, tool, write_training

from ltseg.cli.train import apply_flags
from ltseg.reports.record import RunRecord

pytestmark = pytest.mark.usefixtures('mmseg_registered', 'quick')

CLASSIFICATION = """
default_scope = 'mmpretrain'
pipeline = [dict(type='LoadImageFromFile'), dict(type='RandomFlip', prob=0.5), dict(type='PackInputs')]
train_dataloader = dict(
    batch_size=2, num_workers=0, sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(type='CustomDataset', data_root='{root}/train', pipeline=pipeline))
val_dataloader = dict(
    batch_size=2, num_workers=0, sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(type='CustomDataset', data_root='{root}/val', pipeline=pipeline))
test_dataloader = val_dataloader
val_evaluator = dict(type='Accuracy', topk=1)
test_evaluator = val_evaluator
model = dict(
    type='ImageClassifier',
    data_preprocessor=dict(type='ClsDataPreprocessor', num_classes=2),
    backbone=dict(
        type='ResNet_CIFAR', depth=18, base_channels=8, stem_channels=8, num_stages=1, strides=(1, ), dilations=(1, ),
        out_indices=(0, )),
    neck=dict(type='GlobalAveragePooling'),
    head=dict(
        type='LinearClsHead', num_classes=2, in_channels=8, loss=dict(type='ltseg.BalancedSoftmaxLoss', counts=[4, 2])))
optim_wrapper = dict(optimizer=dict(type='SGD', lr=0.1))
train_cfg = dict(by_epoch=True, max_epochs=2, val_interval=1)
val_cfg = dict()
test_cfg = dict()
custom_hooks = [dict(type=f'ltseg.{{hook}}') for hook in ('CountClasses', 'ExactResume', 'StopOnNaN')]
randomness = dict(seed=1)
"""


@pytest.fixture(scope='module')
def quick() -> Iterator[None]:
    with quick_tools():
        yield


@pytest.fixture(scope='module')
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_training(tmp_path_factory.mktemp('train'))


def train(config: Path, *options: str) -> None:
    tool('train')([str(config), *options])


def message(capsys: pytest.CaptureFixture[str], config: Path, *options: str) -> str:
    """What a training run that ends in a fault says."""
    with pytest.raises(SystemExit) as stop:
        train(config, *options)
    assert stop.value.code == 1
    text = capsys.readouterr().err
    assert 'Traceback' not in text
    return text


def test_leaves_checkpoint_log_and_record(config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """SyncBN in the config is said to be BN in one process."""
    run = tmp_path / 'run'
    norms = [f'model.{part}.norm_cfg.type=SyncBN' for part in ('backbone', 'decode_head', 'auxiliary_head')]
    options = ('--seed', '5', '--method', 'ours', '--cfg-options', *norms)
    train(config, '--work-dir', str(run), *options)
    record = RunRecord.load(run / 'records/val.json')
    assert (record.method, record.model, record.dataset, record.seed) == ('ours', 'U-Net', 'CamVid', 5)
    assert (record.iterations, record.settings['model.backbone.norm_cfg.type']) == (2, 'SyncBN')
    assert record.curves['val'][-1]['mIoU'] == record.metrics()['mIoU']
    meta = torch.load(run / 'iter_2.pth', weights_only=False)['meta']
    assert (meta['iter'], meta['seed']) == (2, 5)

    shown, log = capsys.readouterr().out, next(run.glob('*/*.log')).read_text()
    assert 'per class results' in shown and 'loss' in shown
    assert shown.count('One process only: SyncBN layers become BN layers.') == 1
    for dump in ('Config:', 'Hooks will be executed', 'KaimingInit', 'sys.platform', 'IoU/Car'):
        assert dump in log and dump not in shown
    assert len(shown.splitlines()) < 50


def test_all_faults_are_in_one_message_before_anything_is_written(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = ('model.decode_head.num_classes=12', 'model.pretrained=nowhere.pth')
    text = message(capsys, config, '--work-dir', str(tmp_path / 'run'), '--cfg-options', *settings)
    assert 'num_classes=11' in text and '--cfg-options model.pretrained=None' in text
    assert not (tmp_path / 'run').exists()


def test_broken_picture_is_named_from_any_process(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = write_training(tmp_path)
    for path in (tmp_path / 'camvid/images/train').glob('*.jpg'):
        path.write_bytes(path.read_bytes()[:200])
    for workers in (0, 1):
        loader = (f'train_dataloader.num_workers={workers}', f'train_dataloader.persistent_workers={workers > 0}')
        last = message(capsys, config, '--cfg-options', *loader).splitlines()[-1]
        assert 'image file' in last and '.jpg' in last and 'cut off after 200 bytes' in last


def test_error_of_the_code_keeps_its_traceback(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr('mmengine.optim.OptimWrapper.update_params', lambda *_, **__: torch.zeros(1) @ torch.zeros(2))
    with pytest.raises(RuntimeError, match='size'):
        train(config)


def test_skipping_and_mixed_precision_exclude_each_other(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    setting = 'optim_wrapper.type=ltseg.SkippingOptimWrapper'
    text = message(capsys, config, '--amp', '--cfg-options', setting)
    hinted('Its loss scaler leaves batches without a finite gradient out by itself.', text)
    scaled = Config({'optim_wrapper': {'type': 'OptimWrapper'}})
    apply_flags(scaled, Namespace(amp=True, seed=None))
    assert scaled.optim_wrapper == {'type': 'AmpOptimWrapper', 'loss_scale': 'dynamic'}


def test_checkpoint_of_another_model_is_refused(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """mmengine would go on with random weights."""
    train(config, '--work-dir', str(tmp_path / 'first'))
    path = str(tmp_path / 'first' / 'iter_2.pth')
    text = message(capsys, config, '--resume', path, '--cfg-options', 'model.decode_head.channels=3')
    assert path in text and 'decode_head.' in text and 'Give the config' in text


def test_resume_in_the_config_is_the_flag(config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """mmengine's own search takes a checkpoint that was cut short."""
    (tmp_path / 'iter_1.pth').write_bytes(b'PK')
    (tmp_path / 'last_checkpoint').write_text(str(tmp_path / 'iter_1.pth'))
    text = message(capsys, config, '--work-dir', str(tmp_path), '--cfg-options', 'resume=True')
    assert 'iter_1.pth' in text and 'without --resume' in text


def test_parts_that_training_needs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / 'a.py').write_text('model = dict(type="EncoderDecoder")')
    assert "none of ['train_dataloader', 'train_cfg', 'optim_wrapper']" in message(capsys, tmp_path / 'a.py')


def test_classification(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A config of MMPretrain trains, resumes and is evaluated with the same tools."""
    for folder, seed in product(('train/a', 'train/b', 'val/a', 'val/b'), range(2)):
        write_sample(tmp_path / folder / f'{seed}.png', tmp_path / 'unused.png', 2, 255, (8, 8), seed)
    path = tmp_path / 'resnet_balanced_folders.py'
    path.write_text(CLASSIFICATION.format(root=tmp_path))
    train(path, '--work-dir', str(tmp_path / 'run'))
    train(path, '--work-dir', str(tmp_path / 'run'), '--resume', '--cfg-options', 'train_cfg.max_epochs=3')
    tool('test')([str(path), str(tmp_path / 'run' / 'epoch_3.pth'), '--work-dir', str(tmp_path / 'run')])
    shown = capsys.readouterr().out
    assert 'resumed epoch: 2' in shown and 'accuracy/top1' in shown and 'No report' in shown
    text = message(capsys, path, '--cfg-options', 'model.head.num_classes=3')
    assert 'model.head.num_classes=2' in text and 'model.head.loss' in text


def test_another_loss_on_the_command_line_is_another_method(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Not a second seed of the config's, even under one name."""
    loss = 'model.decode_head.loss_decode.type=ltseg.CrossEntropyLoss'
    for seed, options in enumerate(([], ['--cfg-options', loss])):
        for name in ([], ['--method', 'one']):
            work_dir = tmp_path / f'{"named" if name else "unnamed"}/{seed}'
            train(config, '--work-dir', str(work_dir), '--seed', str(seed), *name, *options)
    capsys.readouterr()
    tool('compare_runs')([str(tmp_path / 'unnamed'), '--tables', 'summary', '--markdown', str(tmp_path / 'a.md')])
    header = (tmp_path / 'a.md').read_text().splitlines()[2]
    assert header == '|  | ARB (batch) | cross entropy |'
    tool('compare_runs')([str(tmp_path / 'named'), '--tables', 'summary', '--markdown', str(tmp_path / 'b.md')])
    text = (tmp_path / 'b.md').read_text()
    assert '| one [loss_decode.type ltseg.ARBLoss] | one [loss_decode.type ltseg.CrossEntropyLoss] |' in text
    assert 'Not averaged: runs of one differ in more than their seed (loss_decode.type).' in text
