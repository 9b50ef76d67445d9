"""Files that people have: each fault ends in one message with the file, from every tool, and its hint works."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from PIL import Image
from plain_training import write_plain_training
from tiny_training import quick_tools, tool

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
    name: str, options: tuple[str, ...], folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = folder / 'data/labels/val/0001.png'
    path.write_bytes(path.read_bytes()[:200])
    text = message(capsys, name, folder, *options)
    assert f'label file {path}: expected a file that can be loaded, got OSError' in text


def test_a_truncated_image_is_no_grey_one(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """OpenCV reads it without a word."""
    path = folder / 'data/images/val/0001.png'
    Image.open(path).save(path, format='JPEG')
    path.write_bytes(path.read_bytes()[:-40])
    assert f'image file {path}: expected a whole file, got one cut off' in message(capsys, 'test', folder)


def test_a_missing_label_of_the_test_split_is_known_at_once(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = folder / 'data/labels/val/0001.png'
    kept = path.rename(folder / 'kept.png')
    text = message(capsys, 'test', folder)
    assert f'test_dataloader.dataset: label file {path}: expected a file, got none. Check data_root' in text
    assert str(path) in message(capsys, 'train', folder)
    kept.rename(path)  # the hint: it had not been copied
    run('test', folder)


def test_a_blank_line_in_the_list_of_images(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    listed, option = folder / 'data/val.txt', 'test_dataloader.dataset.ann_file=val.txt'
    listed.write_text('0000\n0002\n\n')
    text = message(capsys, 'test', folder, '--cfg-options', option)
    assert '/images/val/.png: expected a file, got none' in text and f'Take the blank line out of {listed}.' in text
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
    shutil.rmtree(folder / 'data/images/val/.ipynb_checkpoints')
    run('test', folder)


def test_data_in_a_hidden_folder_are_data(folder: Path) -> None:
    (folder / 'data').rename(folder / '.data')
    run('test', folder, '--data-root', str(folder / '.data'))


def test_predictions_keep_the_folders_of_their_images(folder: Path) -> None:
    for kind in ('images', 'labels'):
        for index in range(2):
            place = folder / f'data/{kind}/val/seq{index + 1}/0001.png'
            place.parent.mkdir()
            (folder / f'data/{kind}/val/000{index}.png').rename(place)
    run('test', folder, '--out', str(folder / 'out'))
    written = sorted(str(path.relative_to(folder / 'out')) for path in (folder / 'out').rglob('*.png'))
    assert written == ['0002.png', 'seq1/0001.png', 'seq2/0001.png']


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
    monkeypatch.setattr('ltseg.cli.train.shutil.disk_usage', lambda path: SimpleNamespace(free=1))
    text = message(capsys, 'train', folder, '--work-dir', str(folder / 'new'))
    assert f'work dir {folder}/new: expected 0 MiB of free space for the first checkpoint' in text
