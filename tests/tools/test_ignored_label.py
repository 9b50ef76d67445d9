"""What is ignored is the same in training, counts, test, adjustment, report and diagnosis, and is said."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from hinted import hinted
from PIL import Image
from plain_segmentation import stripes, write_images, write_plain_config
from tiny_training import forget_runs, quick_tools, tool

from ltseg.cli import check
from ltseg.counts.table import CountsTable
from ltseg.reports.record import RunRecord

pytestmark = pytest.mark.usefixtures('mmseg_registered', 'quick')

BACKGROUND = stripes((0.53, 0.3, 0.17), (0, 1, 2))  # 53 % with the value 0
PIXELS = {value: int((value == BACKGROUND).sum()) for value in range(3)}
IGNORED = {
    'model__decode_head__ignore_index': 0,
    'val_evaluator__ignore_index': 0,
    'test_evaluator__ignore_index': 0,
}
CRACKS = stripes((0.9, 0.1), (0, 255))


@pytest.fixture(scope='module')
def quick() -> Iterator[None]:
    with quick_tools():
        yield


def messages(folder: Path) -> str:
    """Log files of all runs."""
    return '\n'.join(path.read_text() for path in (folder / 'work_dirs' / 'run').glob('*/*.log'))


def tables(folder: Path) -> list[CountsTable]:
    return [CountsTable.load(path) for path in sorted((folder / 'work_dirs' / 'class_counts').iterdir())]


def main_of(name: str) -> Callable[..., None]:
    """That of a tool, or of ``ltseg check``, which is none, with mmengine's global state as a new process has it."""
    return (tool('train') and check.main) if name == 'check' else tool(name)


def fault(capsys: pytest.CaptureFixture[str], name: str, *arguments: str) -> str:
    """The one message that a tool ends in."""
    with pytest.raises(SystemExit):
        main_of(name)(list(arguments))
    text = capsys.readouterr().err
    assert 'Traceback' not in text and text.count('error: ') == 1
    return text


@pytest.fixture(scope='module')
def ignoring_background(tmp_path_factory: pytest.TempPathFactory, mmseg_registered: None) -> Path:
    """A run in which head and metrics ignore 0 and the data sets say nothing, trained and tested."""
    folder = tmp_path_factory.mktemp('background')
    write_images(folder / 'data', BACKGROUND)
    loss = {'type': 'ltseg.BalancedSoftmaxLoss'}
    config = write_plain_config(folder, **IGNORED, model__decode_head__loss_decode=loss)
    with quick_tools():
        tool('train')([str(config)])
        tool('test')([str(config), str(folder / 'work_dirs/run/iter_2.pth')])
    return folder


def test_losses_and_counts_see_the_same_pixels(ignoring_background: Path) -> None:
    (table,) = tables(ignoring_background)
    assert table.counts.samples.tolist() == [0, 4 * PIXELS[1] // 2, 4 * PIXELS[2] // 2]
    assert table.ignored == f'Ignored: 53.0% of 2,048 pixels: value 0 ({PIXELS[0] / 1024:.1%}).'
    assert table.ignored in messages(ignoring_background)


def test_test_and_adjustment_measure_the_same(ignoring_background: Path) -> None:
    config, work_dir = ignoring_background / 'unet_ce_plain.py', ignoring_background / 'work_dirs/run'
    tool('adjust_logits')([str(config), str(work_dir / 'iter_2.pth'), '--tau', '0', '1'])
    tested = RunRecord.load(work_dir / 'records/test.json').evaluation
    curve = RunRecord.load(work_dir / 'records/test_posthoc.json').tau_curve
    at_zero = next(point for point in curve if point['tau'] == 0)
    assert tested.matrix[0].sum() == 0 and tested.matrix.sum() == 2 * (PIXELS[1] + PIXELS[2])
    assert at_zero['mIoU'] == tested.metrics()['mIoU']


def test_examples_of_the_page_count_what_is_evaluated(ignoring_background: Path) -> None:
    """Both test images have the same labels; their shares of wrong pixels have the mean 100 - aAcc."""
    work_dir, out = ignoring_background / 'work_dirs/run', ignoring_background / 'report.html'
    tool('report')([str(work_dir), '--images', '2', '--out', str(out)])
    shares = [int(number) for number in re.findall(r'(\d+) % of the pixels are wrong', out.read_text())]
    accuracy = RunRecord.load(work_dir / 'records/test.json').evaluation.metrics()['aAcc']
    assert len(shares) == 2
    assert sum(shares) / 2 == pytest.approx(100 - accuracy, abs=0.6)


def test_diagnosis_finds_no_fault_in_an_ignored_class(ignoring_background: Path) -> None:
    tool('diagnose')([str(ignoring_background / 'unet_ce_plain.py')])
    content = json.loads((ignoring_background / 'work_dirs/run/reports/diagnosis.json').read_text())
    assert 'value 0' in content['looked_at'][0] and '53.0%' in content['looked_at'][0]
    assert not {'absent_from_training', 'extreme_rule'} & {finding['kind'] for finding in content['findings']}


@pytest.mark.parametrize('wrapper', [None, 'RepeatDataset', 'ConcatDataset'])
def test_places_that_name_none_follow_with_a_word(
    wrapper: str | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Only the training data set names it, maybe inside a wrapper; head, metrics, padding and the others follow."""
    write_images(tmp_path / 'data', BACKGROUND)
    config = write_plain_config(tmp_path)
    text = config.read_text()
    if wrapper:
        inside = {'RepeatDataset': 'dataset=inner, times=2', 'ConcatDataset': 'datasets=[inner, inner]'}[wrapper]
        text += '\ninner = train_dataloader["dataset"]\n'
        text += f"train_dataloader['dataset'] = dict(type='{wrapper}', {inside})\n"
        text += "inner['ignore_index'] = 0\n"
    else:
        text += "\ntrain_dataloader['dataset']['ignore_index'] = 0\n"
    config.write_text(text)
    tool('train')([str(config)])
    shown = capsys.readouterr().out
    assert 'The ignored label is 0, from train_dataloader.dataset' in shown
    for path in ('model.decode_head.ignore_index', 'val_evaluator.ignore_index', 'data_preprocessor.seg_pad_val'):
        assert path in shown
    evaluation = RunRecord.load(tmp_path / 'work_dirs/run/records/val.json').evaluation
    assert evaluation.matrix.sum(1).tolist() == [0, 2 * PIXELS[1], 2 * PIXELS[2]]
    (table,) = tables(tmp_path)
    assert table.counts.samples.tolist() == [0, 2 * PIXELS[1], 2 * PIXELS[2]]


def test_places_that_contradict_each_other_end_before_training(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_images(tmp_path / 'data', BACKGROUND)
    config = write_plain_config(
        tmp_path, model__decode_head__ignore_index=0, train_dataloader__dataset__ignore_index=255
    )
    text = fault(capsys, 'train', str(config))
    assert 'model.decode_head.ignore_index=0, train_dataloader.dataset.ignore_index=255' in text
    assert not (tmp_path / 'work_dirs').exists()
    config = write_plain_config(tmp_path, model__decode_head__ignore_index=0)  # as the hint says
    tool('train')([str(config)])


def test_masks_of_0_and_255(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch) -> None:
    """Counted, checked, trained and diagnosed: each says that 255 is ignored, and both hints help."""
    monkeypatch.setenv('COLUMNS', '400')
    write_images(tmp_path / 'data', CRACKS)
    config = write_plain_config(tmp_path, ('background', 'crack'), 2)
    hint = 'Save them with 0 and 1, or use a data set whose get_label_map returns {255: 1}'
    share = f'{(CRACKS == 255).mean():.1%}'
    tool('count_classes')([str(config)])
    shown = capsys.readouterr().out
    assert f'value 255 ({share})' in shown and hint in shown and 'Absent: crack' in shown
    for name in ('train', 'check'):
        text = fault(capsys, name, str(config))
        assert (
            "train_dataloader.dataset: expected pixels of several classes, got only those of 'background'. The" in text
        )
        assert hint in text
        hinted('Save them with 0 and 1, or use a data set whose get_label_map returns {255: 1}', text)
    tool('diagnose')([str(config)])
    assert hint in json.loads((tmp_path / 'work_dirs/run/reports/diagnosis.json').read_text())['findings'][0]['advice']
    Image.fromarray(CRACKS // 255).save(tmp_path / 'data/ann/train/0.png')
    capsys.readouterr()
    for path in (tmp_path / 'data/ann').glob('*/*.png'):
        Image.fromarray(CRACKS // 255).save(path)
    tool('train')([str(config)])
    tool('count_classes')([str(config)])
    shown = capsys.readouterr().out
    assert 'Ignored: none of 2,048 pixels.' in shown and 'Absent' not in shown and hint not in shown


PLAIN_LOSS = {
    'custom_hooks': [],
    'model__decode_head__loss_decode': {'_delete_': True, 'type': 'CrossEntropyLoss'},
    'val_evaluator': {'_delete_': True, 'type': 'IoUMetric'},
    'test_evaluator': {'_delete_': True, 'type': 'IoUMetric'},
}


def test_masks_are_counted_where_nothing_asks_for_counts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Training would end with an mIoU of 100."""
    write_images(tmp_path / 'data', CRACKS)
    config = str(write_plain_config(tmp_path, ('background', 'crack'), 2, **PLAIN_LOSS))
    for name in ('train', 'check'):
        assert 'Save them with 0 and 1' in fault(capsys, name, config)
    write_images(tmp_path / 'data', CRACKS // 255)
    main_of('check')([config])
    assert capsys.readouterr().out == 'No fault found.\n'


def test_a_rare_class_saved_as_255(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A warning, as a data set may lack a class; the hint makes it go away."""
    write_images(tmp_path / 'data', stripes((0.6, 0.3, 0.1), (0, 1, 255)))
    config = str(write_plain_config(tmp_path, **PLAIN_LOSS))
    hint = 'The training labels have no pixel of rider. Ignored: 10.0% of 2,048 pixels: value 255 (10.0%). If the value'
    main_of('check')([config])
    shown = capsys.readouterr().out
    assert hint in shown
    hinted(', or use a data set whose get_label_map returns {', shown)
    write_images(tmp_path / 'data', stripes((0.6, 0.3, 0.1), (0, 1, 2)))
    main_of('check')([config])
    assert capsys.readouterr().out == 'No fault found.\n'


def test_float_labels_end_before_training(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The second file of training, where nothing asks for counts."""
    write_images(tmp_path / 'data', BACKGROUND)
    config = str(write_plain_config(tmp_path, **PLAIN_LOSS))
    path = tmp_path / 'data/ann/train/1.png'
    Image.fromarray(BACKGROUND.astype(np.float32)).save(tmp_path / 'floats.tif')
    (tmp_path / 'floats.tif').rename(path)
    text = fault(capsys, 'train', config)
    assert f'label file {path}: expected one channel of integers, got (32, 32) float32' in text
    assert not (tmp_path / 'work_dirs/run').exists()


def test_a_label_map_makes_255_a_class(tmp_path: Path) -> None:
    write_images(tmp_path / 'data', CRACKS)
    config = write_plain_config(tmp_path, ('background', 'crack'), 2)
    (tmp_path / 'cracks_data.py').write_text(
        'from mmseg.datasets import BaseSegDataset\n'
        'from mmseg.registry import DATASETS\n'
        '@DATASETS.register_module(force=True)\n'
        'class Cracks(BaseSegDataset):\n'
        '    @classmethod\n'
        '    def get_label_map(cls, new_classes=None):\n'
        '        return {255: 1}\n'
    )
    text = config.read_text().replace("type='BaseSegDataset'", "type='Cracks'")
    config.write_text(f"custom_imports = dict(imports=['cracks_data'])\n{text}")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(tmp_path)
        tool('train')([str(config)])
    evaluation = RunRecord.load(tmp_path / 'work_dirs/run/records/val.json').evaluation
    assert evaluation.matrix.sum(1).tolist() == [2 * int((CRACKS == 0).sum()), 2 * int((CRACKS == 255).sum())]
    (table,) = tables(tmp_path)
    assert table.counts.samples.tolist() == evaluation.matrix.sum(1).tolist()


@pytest.mark.parametrize('loss', ['ltseg.CrossEntropyLoss', 'ltseg.BalancedSoftmaxLoss'])
def test_reduce_zero_label_on_labels_that_begin_at_0(
    loss: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """53 % of the pixels are gone and the last class is empty: the name of the setting is said, and no floor."""
    write_images(tmp_path / 'data', BACKGROUND)
    settings = {f'{split}_dataloader__dataset__reduce_zero_label': True for split in ('train', 'val', 'test')}
    config = write_plain_config(tmp_path, model__decode_head__loss_decode__type=loss, **settings)
    hint = "reduce_zero_label=True ignores the value 0, 53.0% of the pixels, and makes value 1 'road'."
    if loss == 'ltseg.CrossEntropyLoss':
        tool('train')([str(config)])
        assert messages(tmp_path).count(hint) == 2
        hinted(', set reduce_zero_label=False in the data sets.', messages(tmp_path))
    else:
        text = fault(capsys, 'train', str(config))
        last = text[text.index('error: ') :]
        assert '0 for class rider' in last and hint in last and 'floor' not in last
    config = write_plain_config(
        tmp_path, model__decode_head__loss_decode__type=loss, work_dir=str(tmp_path / 'again/run')
    )
    tool('train')([str(config)])  # reduce_zero_label=False, as the hint says
    evaluation = RunRecord.load(tmp_path / 'again/run/records/val.json').evaluation
    assert evaluation.matrix.sum(1).tolist() == [2 * PIXELS[value] for value in range(3)]


def test_reduce_zero_label_and_another_ignored_label(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_images(tmp_path / 'data', BACKGROUND)
    settings = {f'{split}_dataloader__dataset__reduce_zero_label': True for split in ('train', 'val')}
    config = write_plain_config(tmp_path, ('car', 'rider'), 2, **IGNORED, **settings)
    text = fault(capsys, 'train', str(config))
    assert 'reduce_zero_label=True, which writes 255' in text and 'Leave ignore_index at 255' in text
    tool('train')([str(write_plain_config(tmp_path, ('car', 'rider'), 2, **settings))])
    evaluation = RunRecord.load(tmp_path / 'work_dirs/run/records/val.json').evaluation
    assert evaluation.matrix.sum(1).tolist() == [2 * PIXELS[1], 2 * PIXELS[2]]


@pytest.mark.parametrize('name', ['test', 'adjust_logits', 'diagnose'])
def test_evaluation_with_another_label_than_training_is_said(
    name: str, ignoring_background: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is measured is not what was learned; where both are the same, nothing is said."""
    config, checkpoint = ignoring_background / 'unet_ce_plain.py', ignoring_background / 'work_dirs/run/iter_2.pth'
    settings = [f'{split}_evaluator.ignore_index=255' for split in ('val', 'test')]
    settings.append('model.data_preprocessor.seg_pad_val=7')  # of training alone
    word = 'test_evaluator.ignore_index=255, but training ignores 0: what is evaluated and what is learned differ.'
    options = [str(config), str(checkpoint), '--work-dir', str(tmp_path / 'run')]
    tool(name)([*options, '--cfg-options', *settings])
    shown = capsys.readouterr().out
    assert shown.count(word) == 1 and 'padded' not in shown
    tool(name)([*options, '--cfg-options', settings[-1]])
    assert 'differ' not in capsys.readouterr().out


def test_check_says_each_word_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_images(tmp_path / 'data', BACKGROUND)
    forget_runs()
    check.main([str(write_plain_config(tmp_path, test_evaluator__ignore_index=2))])
    shown = capsys.readouterr().out
    assert shown.count('test_evaluator.ignore_index=2, but training ignores 255') == 1 and 'No fault found.' in shown


def test_padding_with_a_class_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_images(tmp_path / 'data', BACKGROUND)
    config = write_plain_config(tmp_path, model__data_preprocessor__seg_pad_val=0)
    tool('train')([str(config)])
    word = 'model.data_preprocessor.seg_pad_val=0, but the ignored label is 255'
    assert word in capsys.readouterr().out
    tool('train')([str(write_plain_config(tmp_path, model__data_preprocessor__seg_pad_val=255))])
    assert word not in capsys.readouterr().out


def test_labels_that_are_all_ignored_end_with_the_cause(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_images(tmp_path / 'data', stripes((1,), (255,)))
    text = fault(capsys, 'count_classes', str(write_plain_config(tmp_path)))
    assert '2048 pixels, all with the ignored label' in text and 'value 255 (100.0%)' in text
    write_images(tmp_path / 'data', stripes((0.5, 0.5), (0, 255)))
    reduced = write_plain_config(tmp_path, train_dataloader__dataset__reduce_zero_label=True)
    assert 'set reduce_zero_label=False' in fault(capsys, 'count_classes', str(reduced))
    tool('count_classes')([str(write_plain_config(tmp_path))])
