"""Files that people have: each fault ends in one message with the file, from every tool, and its hint works."""

import io
import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from hinted import hinted
from PIL import Image
from plain_training import save, write_plain_training
from rich.console import Console
from tiny_training import quick_tools, tool
from torch.utils.data import DataLoader, get_worker_info

from ltseg.cli.data_files import blank_line, file_faults
from ltseg.cli.errors import one_message_errors
from ltseg.cli.work_dir_lock import locked
from ltseg.counts.data_set_counts import build_dataset
from ltseg.reports.record import RunRecord

pytestmark = pytest.mark.usefixtures('mmseg_registered', 'quick')


@pytest.fixture(scope='module')
def quick() -> Iterator[None]:
    with quick_tools():
        yield


@pytest.fixture(scope='module')
def trained(tmp_path_factory: pytest.TempPathFactory, mmseg_registered: None, quick: None) -> Path:
    """The folder of data, config and work dir after training."""
    config = write_plain_training(tmp_path_factory.mktemp('files'))
    tool('train')([str(config)])
    return config.parent


@pytest.fixture
def folder(trained: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    shutil.copytree(trained, tmp_path / 'copy')
    config = tmp_path / 'copy/plain_balanced_softmax.py'
    config.write_text(config.read_text().replace(str(trained), str(tmp_path / 'copy')))
    return tmp_path / 'copy'


def run(name: str, folder: Path, *options: str) -> None:
    checkpoint = [] if name in ('train', 'count_classes') else [str(folder / 'work_dirs/plain/iter_2.pth')]
    tool(name)([str(folder / 'plain_balanced_softmax.py'), *checkpoint, *options])


def message(capsys: pytest.CaptureFixture[str], name: str, folder: Path, *options: str) -> str:
    with pytest.raises(SystemExit) as stop:
        run(name, folder, *options)
    text = capsys.readouterr().err
    assert stop.value.code == 1 and text.count('error: ') == 1 and 'Traceback' not in text
    return text.splitlines()[-1]


@pytest.mark.parametrize('index', [0, 1])
@pytest.mark.parametrize(
    ('name', 'options'),
    [
        ('train', ()),
        ('test', ()),
        ('test', ('--cfg-options', 'test_dataloader.num_workers=1')),
        ('adjust_logits', ()),
        ('analyze_collapse', ('--split', 'val')),
    ],
)
def test_a_truncated_label_of_validation(
    name: str, options: tuple[str, ...], index: int, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The first image of a split is loaded before training, too."""
    path = folder / f'data/labels/val/000{index}.png'
    path.write_bytes(path.read_bytes()[:200])
    text = message(capsys, name, folder, *options)
    assert f'label file {path}: expected a whole file, got one cut off after 200 bytes' in text


@pytest.mark.parametrize('index', [0, 1])
@pytest.mark.parametrize(('name', 'split'), [('train', 'train'), ('train', 'val'), ('test', 'val')])
def test_a_truncated_image_is_no_grey_one(
    name: str, split: str, index: int, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """OpenCV reads it without a word."""
    path = folder / f'data/images/{split}/000{index}.png'
    Image.open(path).save(path, format='JPEG')
    path.write_bytes(path.read_bytes()[:-40])
    settings = ('--cfg-options', 'train_cfg.max_iters=3', 'train_cfg.val_interval=3') if name == 'train' else ()
    assert f'image file {path}: expected a whole file, got one cut off' in message(capsys, name, folder, *settings)


def test_a_truncated_label_of_training_is_no_matter_of_its_place(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The first one is met before training, where no loss asks for counts."""
    path = folder / 'data/labels/train/0000.png'
    path.write_bytes(path.read_bytes()[:200])
    loss = 'model.decode_head.loss_decode.type=CrossEntropyLoss'
    text = message(capsys, 'train', folder, '--cfg-options', loss)
    assert f'label file {path}: expected a whole file, got one cut off after 200 bytes' in text


def test_a_missing_label_of_the_test_split_is_known_at_once(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = folder / 'data/labels/val/0001.png'
    kept = path.rename(folder / 'kept.png')
    text = message(capsys, 'test', folder)
    assert f'test_dataloader.dataset: label file {path}: expected a file, got none. Check data_root' in text
    hinted('Check data_root, data_prefix and the suffixes of the data set, and that the file was copied.', text)
    assert str(path) in message(capsys, 'train', folder)
    kept.rename(path)  # the hint: it had not been copied
    run('test', folder)


def test_a_blank_line_in_the_list_of_images(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    listed, option = folder / 'data/val.txt', 'test_dataloader.dataset.ann_file=val.txt'
    listed.write_text('0000\n0002\n\n')
    text = message(capsys, 'test', folder, '--cfg-options', option)
    assert '/images/val/.png: expected a file, got none' in text and f'Take the blank line out of {listed}.' in text
    hinted('Take the blank line out of ', text)
    listed.write_text('0000\n0002\n')
    run('test', folder, '--cfg-options', option)
    record = RunRecord.load(folder / 'work_dirs/plain/records/test.json')
    assert record.evaluation.matrix.sum() == 2 * 32 * 32


@pytest.mark.parametrize('labels', [False, True])
def test_copies_that_jupyter_left(labels: bool, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for kind in ('images', 'labels')[: 1 + labels]:
        (folder / f'data/{kind}/val/.ipynb_checkpoints').mkdir()
        shutil.copy(folder / f'data/{kind}/val/0001.png', folder / f'data/{kind}/val/.ipynb_checkpoints/x.png')
    for name in ('train', 'test'):
        text = message(capsys, name, folder)
        assert '/val/.ipynb_checkpoints/x.png. Delete this folder' in text
        hinted('Delete this folder; Jupyter and file managers leave copies in such.', text)
    shutil.rmtree(folder / 'data/images/val/.ipynb_checkpoints')
    run('test', folder)


@pytest.mark.parametrize('name', ['count_classes', 'diagnose'])
def test_copies_and_blank_lines_are_not_counted(
    name: str, folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv('COLUMNS', '400')
    config, hidden = str(folder / 'plain_balanced_softmax.py'), []
    for kind in ('images', 'labels'):
        hidden.append(folder / f'data/{kind}/train/.ipynb_checkpoints')
        hidden[-1].mkdir()
        shutil.copy(folder / f'data/{kind}/train/0001.png', hidden[-1] / 'x.png')
    assert 'train/.ipynb_checkpoints/x.png. Delete this folder' in refused(capsys, name, config)
    for path in hidden:
        shutil.rmtree(path)
    listed, option = folder / 'data/train.txt', 'train_dataloader.dataset.ann_file=train.txt'
    listed.write_text('0000\n0002\n\n')
    assert f'Take the blank line out of {listed}.' in refused(capsys, name, config, '--cfg-options', option)
    listed.write_text('0000\n0002\n')
    tool(name)([config, '--cfg-options', option])


def refused(capsys: pytest.CaptureFixture[str], name: str, *options: str) -> str:
    """What is printed by a tool that ends with exit code 1."""
    with pytest.raises(SystemExit) as stop:
        tool(name)(list(options))
    printed = capsys.readouterr()
    assert stop.value.code == 1 and 'Traceback' not in printed.err
    return ' '.join((printed.out + printed.err).split())


def test_the_blank_line_of_a_list_of_a_classifier_is_named_while_counting(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save(tmp_path / 'data/1.png', np.zeros((8, 8, 3), np.uint8))
    listed, config = tmp_path / 'data/list.txt', tmp_path / 'config.py'
    dataset = {'type': 'CustomDataset', 'data_root': str(tmp_path / 'data'), 'ann_file': 'list.txt'}
    dataset |= {'classes': ('cat', 'dog'), 'pipeline': []}
    loader = {'dataset': dataset}
    config.write_text(f"default_scope = 'mmpretrain'\nwork_dir = {str(tmp_path / 'work_dirs/a')!r}\n")
    config.write_text(f'{config.read_text()}train_dataloader = {loader!r}\n')
    listed.write_text('1.png 0\n\n')
    text = refused(capsys, 'count_classes', str(config))
    assert f'Line 2 of {listed} is blank: take it out.' in text
    hinted(' is blank: take it out.', text)
    listed.write_text('1.png 0\n')
    tool('count_classes')([str(config)])


def test_data_in_a_hidden_folder_are_data(folder: Path) -> None:
    (folder / 'data').rename(folder / '.data')
    run('test', folder, '--data-root', str(folder / '.data'))
    records = [RunRecord.load(folder / f'work_dirs/plain/records/{split}.json') for split in ('test', 'val')]
    assert records[0].evaluation.matrix.sum() > 0
    assert torch.equal(records[0].evaluation.matrix, records[1].evaluation.matrix)  # of the same images, by training


def test_predictions_keep_the_folders_of_their_images(folder: Path) -> None:
    for kind in ('images', 'labels'):
        for index in range(2):
            place = folder / f'data/{kind}/val/seq{index + 1}/0001.png'
            place.parent.mkdir()
            (folder / f'data/{kind}/val/000{index}.png').rename(place)
    run('test', folder, '--out', str(folder / 'out'))
    written = sorted(str(path.relative_to(folder / 'out')) for path in (folder / 'out').rglob('*.png'))
    assert written == ['0002.png', 'seq1/0001.png', 'seq2/0001.png']


def test_pictures_of_images_of_the_same_name_by_a_config_without_visualizer(folder: Path) -> None:
    for kind in ('images', 'labels'):
        (folder / f'data/{kind}/val/seq').mkdir()
        (folder / f'data/{kind}/val/0001.png').rename(folder / f'data/{kind}/val/seq/0000.png')
    run('test', folder, '--show-dir', str(folder / 'shown'))
    assert len(list((folder / 'shown').rglob('*.png'))) == 3


def test_format_only_is_said_to_be_the_reason_for_no_report(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A test split without labels, as the message on a missing ground truth advises."""
    shutil.rmtree(folder / 'data/labels/val')
    config = folder / 'plain_balanced_softmax.py'
    without_labels = "\ntest_dataloader['dataset']['pipeline'] = [pipeline[0], pipeline[2]]\n"
    config.write_text(config.read_text() + without_labels)
    assert 'Use format_only=True with output_dir' in message(capsys, 'test', folder)
    out = folder / 'out'
    run('test', folder, '--cfg-options', 'test_evaluator.format_only=True', f'test_evaluator.output_dir={out}')
    shown = capsys.readouterr().out.replace('\n', '')
    assert 'No report, because of format_only' in shown and 'is no dict' not in shown
    assert sorted(path.name for path in out.iterdir()) == ['0000.png', '0001.png', '0002.png']


def test_a_disk_without_space_for_a_checkpoint_is_known_before_training(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr('ltseg.cli.checkpoint_space.shutil.disk_usage', lambda path: SimpleNamespace(free=1))
    text = message(capsys, 'train', folder, '--work-dir', str(folder / 'new'))
    assert f'work dir {folder}/new: expected 0 MiB of free space for the first checkpoint' in text


def nobody_reads(console: Console, *shown: Any, printed: Any = Console.print, **options: Any) -> None:
    """Prints to a closed pipe; what is rendered as text still is."""
    if not isinstance(console.file, io.StringIO):
        raise BrokenPipeError
    printed(console, *shown, **options)


@pytest.mark.parametrize(
    ('name', 'options', 'expected'),
    [
        ('test', (), ('records/test.json', 'reports/test_report.csv', 'reports/test_report.md')),
        ('adjust_logits', ('--tau', '0', '1'), ('records/val_posthoc.json', 'reports/val_tau_curve.png')),
        ('analyze_collapse', ('--formats',), ('collapse/train.json', 'collapse/train_figures.json')),
        ('diagnose', (), ('reports/diagnosis.json',)),
        ('count_classes', ('--out', 'work_dirs/plain/counts.json'), ('counts.json',)),
    ],
)
def test_files_are_written_before_anything_is_printed(
    name: str, options: tuple[str, ...], expected: tuple[str, ...], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    monkeypatch.setattr(Console, 'print', nobody_reads)
    with pytest.raises(BrokenPipeError):
        run(name, folder, *options)
    assert all((folder / 'work_dirs/plain' / path).is_file() for path in expected)


def test_comparisons_are_written_before_they_are_printed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Console, 'print', nobody_reads)
    files = [folder / 'new/table.md', folder / 'new/table.csv']
    with pytest.raises(SystemExit):
        tool('compare_runs')([str(folder / 'work_dirs/plain'), '--markdown', str(files[0]), '--csv', str(files[1])])
    assert 'mIoU' in files[0].read_text() and 'mIoU' in files[1].read_text()


@pytest.mark.parametrize(
    ('name', 'options', 'named'),
    [
        ('train', ('--work-dir', 'file'), 'file/records'),
        ('test', ('--work-dir', 'file'), 'file/records'),
        ('test', ('--out', 'file/out'), 'file/out'),
        ('test', ('--show-dir', 'file/shown'), 'file/shown'),
        ('adjust_logits', ('--fold-into', 'file/a.pth'), 'file/a.pth'),
        ('adjust_logits', ('--work-dir', 'file'), 'file/records'),
        ('analyze_collapse', ('--work-dir', 'file'), 'file/collapse'),
        ('diagnose', ('--work-dir', 'file'), 'file/reports'),
        ('count_classes', ('--out', 'file/counts.json'), 'file/counts.json'),
    ],
)
def test_what_cannot_be_written_is_known_before_the_work(
    name: str,
    options: tuple[str, ...],
    named: str,
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(folder)
    (folder / 'file').touch()
    monkeypatch.setattr('mmengine.runner.Runner.build_dataloader', None)  # no image is loaded before
    assert f'{named}' in message(capsys, name, folder, *options)


def test_a_second_run_in_a_work_dir_is_refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The hint is followed: wait, or take another folder."""
    with locked(str(folder / 'work_dirs/plain')):
        text = message(capsys, 'train', folder)
        assert 'expected no other training run in it, got process' in text and 'another --work-dir' in text
        hinted('Give another --work-dir, or wait until it has ended.', text)
        run('train', folder, '--work-dir', str(folder / 'work_dirs/other'))
    run('train', folder)
    assert not list((folder / 'work_dirs').rglob('.ltseg*'))


@pytest.mark.parametrize(
    ('options', 'expected'),
    [
        (('--seed', '-1'), 'randomness.seed (--seed): expected a whole number of at least 0, got -1.'),
        (('--cfg-options', 'train_dataloader.batch_size=0'), 'train_dataloader.batch_size: expected'),
        (('--cfg-options', 'optim_wrapper.optimizer.lr=-1'), 'optim_wrapper.optimizer.lr: expected a number'),
        (
            ('--cfg-options', 'optim_wrapper.optimizer.momentum=-1'),
            'optim_wrapper.optimizer.momentum: expected a number in',
        ),
        (('--cfg-options', 'optim_wrapper.optimizer.momentun=1'), "unexpected keyword argument 'momentun'"),
        (('--cfg-options', 'optim_wraper.optimizer.lr=5.0'), "Did you mean 'optim_wrapper'?"),
    ],
)
def test_settings_that_can_never_be_right(
    options: tuple[str, ...], expected: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert expected in message(capsys, 'train', folder, *options)


def test_a_kill_between_the_last_checkpoint_and_the_record_costs_no_record(folder: Path) -> None:
    path = folder / 'work_dirs/plain/records/val.json'
    before = RunRecord.load(path)
    path.unlink()
    run('train', folder, '--resume')
    after = RunRecord.load(path)
    assert (after.evaluation.matrix == before.evaluation.matrix).all() and after.iterations == 2
    path.unlink()
    best = folder / 'work_dirs/plain/best_mIoU_iter_2.pth'  # which holds this validation in its curve
    content = torch.load(folder / 'work_dirs/plain/iter_2.pth', weights_only=False)
    content['message_hub']['runtime_info']['ltseg_curve'] = [{'iteration': 2, 'mIoU': 1.0}]
    torch.save(content, best)
    run('train', folder, '--resume', str(best))
    assert (RunRecord.load(path).evaluation.matrix == before.evaluation.matrix).all()


def test_a_kill_during_the_first_checkpoint_costs_nothing(folder: Path) -> None:
    work_dir = folder / 'work_dirs/new'
    work_dir.mkdir()
    whole = (folder / 'work_dirs/plain/iter_2.pth').read_bytes()
    (work_dir / 'iter_2.pth').write_bytes(whole[:-300])
    run('train', folder, '--resume', '--work-dir', str(work_dir))
    folders = (work_dir, folder / 'work_dirs/plain')
    ended, other = (torch.load(path / 'iter_2.pth', weights_only=False)['state_dict'] for path in folders)
    assert all(torch.equal(value, other[key]) for key, value in ended.items())


class Killed:
    """A data set of one batch, whose worker is killed."""

    def __len__(self) -> int:
        return 2

    def __getitem__(self, index: int) -> int:
        if get_worker_info() is not None:
            os.kill(os.getpid(), signal.SIGKILL)
        return index


def test_a_killed_worker_of_the_data_loader_ends_in_one_message(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr('torch.utils.data._utils.MP_STATUS_CHECK_INTERVAL', 0.2)
    with pytest.raises(SystemExit), one_message_errors():
        list(DataLoader(Killed(), num_workers=1))
    text = capsys.readouterr().err
    assert text.startswith('error: data loader: expected workers that live, got one that ') and 'num_workers' in text
    hinted('It may have run out of memory: set the num_workers of the data loaders lower, or to 0.', text)
    assert len(list(DataLoader(Killed(), num_workers=0))) == len(Killed())


def test_folders_that_are_no_classes_and_lists_with_blank_lines_of_classifiers(
    tmp_path: Path, mmpretrain_registered: None
) -> None:
    for name in ('cat', '.ipynb_checkpoints', 'dog'):
        save(tmp_path / f'data/{name}/1.png', np.zeros((8, 8, 3), np.uint8))
    folders = {'type': 'CustomDataset', 'data_root': str(tmp_path / 'data')}
    (text,) = file_faults('train', build_dataset(folders), False)
    assert text.startswith("train: expected folders of classes, got '.ipynb_checkpoints'. Delete this folder")
    hinted('Delete this folder; Jupyter and file managers leave copies in such.', text)
    shutil.rmtree(tmp_path / 'data/.ipynb_checkpoints')
    assert not list(file_faults('train', build_dataset(folders), False))
    (tmp_path / 'data/list.txt').write_text('cat/1.png 0\n\ndog/1.png 1\n')
    listed = folders | {'ann_file': 'list.txt', 'classes': ('cat', 'dog')}
    wrapped = {'type': 'ConcatDataset', 'datasets': [{'type': 'RepeatDataset', 'times': 2, 'dataset': listed}]}
    assert blank_line(wrapped) == f'Line 2 of {tmp_path}/data/list.txt is blank: take it out.'
    (tmp_path / 'data/list.txt').write_text('cat/1.png 0\ndog/1.png 1\n')
    assert not blank_line(wrapped) and len(build_dataset(listed)) == 2
