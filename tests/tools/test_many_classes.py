"""300 classes in 16-bit labels: trained, counted, evaluated and written as they are, or refused before training."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from hinted import hinted
from mmengine.config import Config
from PIL import Image
from plain_segmentation import write_images, write_plain_config
from tiny_training import quick_tools, tool

from ltseg.counts.table import CountsTable
from ltseg.metrics import LongTailIoU
from ltseg.registry import MODELS
from ltseg.reports.record import RunRecord

pytestmark = pytest.mark.usefixtures('mmseg_registered', 'quick')

NAMES = tuple(f'class {index}' for index in range(300))
VALUES = (0, 44, 255, 256, 299, 65535)  # MMSegmentation reads 256 as 0, 299 as 43, and ignores 255
LABELS = np.repeat(np.array(VALUES, np.uint16), (6, 6, 6, 6, 4, 4))[None].repeat(32, 0)
LOADER = {'type': 'ltseg.LoadCheckedAnnotations', 'num_classes': 300, 'ignore_index': 65535}
HEAD = {'model__decode_head__ignore_index': 65535}


@pytest.fixture(scope='module')
def quick() -> Iterator[None]:
    with quick_tools():
        yield


def config_of(folder: Path, loader: dict | None = LOADER, **changes: object) -> str:
    pipeline = [{'type': 'LoadImageFromFile'}, loader or {'type': 'LoadAnnotations'}, {'type': 'PackSegInputs'}]
    settings = {f'{split}_dataloader__dataset__pipeline': pipeline for split in ('train', 'val', 'test')}
    return str(write_plain_config(folder, NAMES, 300, **settings, **changes))


def fault(capsys: pytest.CaptureFixture[str], name: str, *arguments: str) -> str:
    with pytest.raises(SystemExit):
        tool(name)(list(arguments))
    text = capsys.readouterr().err
    assert 'Traceback' not in text
    return text[text.index('error: ') :]


def test_faults_before_training_and_what_their_hints_lead_to(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_images(tmp_path / 'data', LABELS)
    text = fault(capsys, 'train', config_of(tmp_path, None, **HEAD))
    for loader in ('train_dataloader', 'val_dataloader'):
        assert f'{loader}.dataset: expected a loader of 16-bit labels, for 300 classes, got LoadAnnotations' in text
    assert "dict(type='ltseg.LoadCheckedAnnotations', num_classes=300, ignore_index=65535)" in text
    hinted("Use dict(type='ltseg.LoadCheckedAnnotations', num_classes=", text)
    named = {key: value for key, value in LOADER.items() if key != 'ignore_index'}
    text = fault(capsys, 'train', config_of(tmp_path, named))
    assert 'got 255, which is one of them. Set ignore_index=65535 in the heads' in text
    hinted('Set ignore_index=65535 in the heads: data sets, metrics and padding that name none follow.', text)
    assert not (tmp_path / 'work_dirs/run').exists()

    config = config_of(tmp_path, **HEAD)
    tool('train')([config])
    evaluation = RunRecord.load(tmp_path / 'work_dirs/run/records/val.json').evaluation
    expected = {value: 2 * int((value == LABELS).sum()) for value in VALUES[:-1]}
    assert {k: int(n) for k, n in enumerate(evaluation.matrix.sum(1)) if n} == expected
    (path,) = (tmp_path / 'work_dirs/class_counts').iterdir()
    table = CountsTable.load(path)
    assert {k: int(n) for k, n in enumerate(table.counts.samples) if n} == expected
    assert table.provenance['ignored_values'] == {'65535': 2 * 4 * 32}

    tool('test')([config, str(tmp_path / 'work_dirs/run/iter_2.pth'), '--out', str(tmp_path / 'out')])
    written = [np.array(Image.open(path)) for path in sorted((tmp_path / 'out').iterdir())]
    assert [each.dtype for each in written] == [np.uint16] * 2
    predicted = RunRecord.load(tmp_path / 'work_dirs/run/records/test.json').evaluation.matrix.sum(0)
    valid = np.concatenate([each[LABELS != 65535] for each in written])
    assert np.bincount(valid, minlength=300).tolist() == predicted.tolist()


def test_counts_alone_refuse_a_class_that_is_ignored(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_images(tmp_path / 'data', LABELS)
    assert 'Set ignore_index=65535' in fault(capsys, 'count_classes', config_of(tmp_path, None))
    tool('count_classes')([config_of(tmp_path, None, **HEAD)])
    tool('count_classes')([config_of(tmp_path)])  # the loader names it, too
    (path,) = (tmp_path / 'work_dirs/class_counts').iterdir()
    assert CountsTable.load(path).counts.samples.nonzero().flatten().tolist() == list(VALUES[:-1])


def test_a_metric_that_writes_8_bits_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_images(tmp_path / 'data', LABELS)
    metric = {'_delete_': True, 'type': 'IoUMetric', 'output_dir': str(tmp_path / 'out')}
    config = config_of(tmp_path, **HEAD, test_evaluator=metric)
    torch.save({'meta': {}, 'state_dict': {}}, tmp_path / 'a.pth')
    text = fault(capsys, 'test', config, str(tmp_path / 'a.pth'))
    assert 'test_evaluator.output_dir: expected a metric that can write 300 classes, got IoUMetric' in text
    hinted("Use dict(type='ltseg.LongTailIoU'), which writes 16 bits.", text)
    config = config_of(tmp_path, **HEAD, test_evaluator={**metric, 'type': 'ltseg.LongTailIoU'})
    model = MODELS.build(Config.fromfile(config).model)
    torch.save({'meta': {}, 'state_dict': model.state_dict()}, tmp_path / 'a.pth')
    tool('test')([config, str(tmp_path / 'a.pth'), '--work-dir', str(tmp_path / 'work_dirs/other')])
    assert np.array(Image.open(tmp_path / 'out/0.png')).dtype == np.uint16


@pytest.mark.parametrize(
    ('number', 'reduced', 'kind'), [(256, False, np.uint8), (256, True, np.uint16), (257, False, np.uint16)]
)
def test_predictions_have_as_many_bits_as_classes_need(number: int, reduced: bool, kind: type, tmp_path: Path) -> None:
    metric = LongTailIoU(output_dir=str(tmp_path), format_only=True)
    metric.dataset_meta = {'classes': [str(index) for index in range(number)]}
    prediction = torch.tensor([[[0, number - 1]]])
    metric.process(None, [{'pred_sem_seg': {'data': prediction}, 'img_path': 'a.jpg', 'reduce_zero_label': reduced}])
    written = np.array(Image.open(tmp_path / 'a.png'))
    assert written.dtype == kind and written.tolist() == [[int(reduced), number - 1 + int(reduced)]]
