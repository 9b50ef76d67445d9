"""tools/diagnose.py on tiny data and training runs."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hinted import hinted
from mmseg.models.decode_heads import FCNHead
from mmseg.registry import MODELS
from PIL import Image
from plain_segmentation import stripes, write_images, write_plain_config
from tiny_training import quick_tools, tool, write_classification, write_training

from ltseg.datasets import CamVidDataset

NAMES = CamVidDataset.METAINFO['classes']

pytestmark = pytest.mark.usefixtures('mmseg_registered', 'quick')


@pytest.fixture(scope='module')
def quick() -> Iterator[None]:
    with quick_tools():
        yield


def findings(config: Path) -> dict[str, dict]:
    content = json.loads((config.parent / 'work_dirs/training/reports/diagnosis.json').read_text())
    return {finding['kind']: finding for finding in content['findings']}


def test_labels_and_losses_without_a_checkpoint(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = write_training(tmp_path)
    for path in (tmp_path / 'camvid/labels/train').iterdir():
        labels = np.array(Image.open(path))
        labels[labels == 3] = 2
        Image.fromarray(labels).save(path)
    tool('diagnose')([str(config)])
    assert findings(config)['absent_from_training']['classes'] == ['Road']
    shown = capsys.readouterr().out
    assert 'error: Classes without training samples' in shown and 'Try: ' in shown and 'labelled pixels' in shown


def test_labels_out_of_range_are_a_finding(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = write_training(tmp_path)
    path = tmp_path / 'camvid/labels/val/1.png'
    Image.fromarray(np.full((36, 48), 77, np.uint8)).save(path)
    with pytest.raises(SystemExit, match='1'):
        tool('diagnose')([str(config)])
    evidence = findings(config)['labels']['evidence']
    assert '77' in evidence and 'val/1.png' in evidence
    hinted('Mend the files or the settings that the message names;', findings(config)['labels']['advice'])
    Image.fromarray(np.full((36, 48), 3, np.uint8)).save(path)
    tool('diagnose')([str(config)])
    assert 'labels' not in findings(config)
    assert 'The val labels cannot be used' in capsys.readouterr().out


def test_another_order_of_the_classes_is_a_finding(tmp_path: Path) -> None:
    config = write_training(tmp_path)
    names = NAMES[::-1]
    config.write_text(f"{config.read_text()}\nval_dataloader['dataset']['metainfo'] = dict(classes={names})\n")
    with pytest.raises(SystemExit, match='1'):
        tool('diagnose')([str(config)])
    assert "'Bicyclist' is class 10, got 'Bicyclist' as class 0" in findings(config)['labels']['evidence']


def test_a_head_for_other_classes_than_the_data_is_a_finding(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Following the advice makes it go away."""
    config, changed = write_training(tmp_path), 'model.decode_head.num_classes=7'
    with pytest.raises(SystemExit, match='1'):
        tool('diagnose')([str(config), '--cfg-options', changed])
    assert 'model.decode_head.num_classes: expected 11' in findings(config)['heads']['evidence']
    hinted('Change the settings that the message names;', findings(config)['heads']['advice'])
    assert 'Nothing found' not in capsys.readouterr().out
    tool('diagnose')([str(config), '--cfg-options', changed.replace('7', '11')])
    assert 'heads' not in findings(config)


def test_losses_of_mmsegmentation_on_regions_are_a_finding(tmp_path: Path) -> None:
    config = write_training(tmp_path)
    plain, losses = config.read_text(), "model['decode_head']['loss_decode'] = dict(type='{}')"
    for kind, finds in (('DiceLoss', True), ('ltseg.DiceLoss', False)):
        config.write_text(f'{plain}\n{losses.format(kind)}\n')
        tool('diagnose')([str(config)])
        assert ('foreign_loss' in findings(config)) == finds


def test_a_trained_segmentor_from_its_record_or_by_evaluation(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = write_training(tmp_path)
    tool('train')([str(config), '--seed', '1'])
    work_dir = tmp_path / 'work_dirs/training'
    record = work_dir / 'records/val.json'
    tool('diagnose')([str(config), str(work_dir / 'iter_2.pth'), '--baseline', str(record)])
    assert 'its results in' in capsys.readouterr().out
    with pytest.raises(SystemExit):
        tool('diagnose')([str(config), str(work_dir / 'iter_2.pth'), '--baseline', str(record), '--split', 'test'])
    hinted('Give --split, or another record.', capsys.readouterr().err)
    first = findings(config)
    assert {'never_predicted', 'over_predicted'} & first.keys()  # two iterations of training
    record.unlink()
    tool('diagnose')([str(config), str(work_dir / 'iter_2.pth')])
    assert 'an evaluation on val' in capsys.readouterr().out.replace('\n', ' ')
    assert findings(config) == first


def test_a_head_without_a_last_layer_of_its_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Heads that classify masks or points; data and results are looked at all the same."""

    @MODELS.register_module()
    class OtherLastLayer(FCNHead):
        def __init__(self, **options: Any) -> None:
            super().__init__(**options, init_cfg=None)
            self.last = self.conv_seg
            del self.conv_seg

        def cls_seg(self, feat: Any) -> Any:
            return self.last(feat)

    write_images(tmp_path / 'data', stripes((0.5, 0.3, 0.2), (0, 1, 2)))
    config, work_dir = (
        write_plain_config(tmp_path, model__decode_head__type='OtherLastLayer'),
        tmp_path / 'work_dirs/run',
    )
    tool('train')([str(config)])
    for origin in ('its results in', 'an evaluation on val'):
        tool('diagnose')([str(config), str(work_dir / 'iter_2.pth')])
        shown = ' '.join(capsys.readouterr().out.split())
        assert 'no classifier in' in shown and origin in shown
        content = json.loads((work_dir / 'reports/diagnosis.json').read_text())
        confused = {'never_predicted', 'over_predicted', 'swallowed'}
        assert confused & {finding['kind'] for finding in content['findings']}
        (work_dir / 'records/val.json').unlink(missing_ok=True)


def test_an_image_classifier(tmp_path: Path) -> None:
    config = write_classification(tmp_path)
    tool('train')([str(config), '--seed', '4', '--cfg-options', 'optimizer.lr=0.01'])
    tool('diagnose')([str(config), str(tmp_path / 'work_dirs/training/epoch_1.pth')])
    content = json.loads((tmp_path / 'work_dirs/training/reports/diagnosis.json').read_text())
    kinds = {finding['kind']: finding['severity'] for finding in content['findings']}
    assert kinds['prior_shift'] == 'note' and 'never_predicted' in kinds


def test_fault_ends_in_one_message(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = write_training(tmp_path)
    with pytest.raises(SystemExit):
        tool('diagnose')([str(config), 'iter_9.pth'])
    text = capsys.readouterr().err
    assert 'iter_9.pth' in text and 'Traceback' not in text
    with pytest.raises(SystemExit):
        tool('diagnose')([str(config), '--baseline', 'any.json'])
    assert '--baseline: expected a checkpoint or --record' in capsys.readouterr().err
