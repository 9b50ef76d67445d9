"""LFME by its commands: experts are trained, and a student finds them where its config says."""

from pathlib import Path

import pytest
from mmengine.config import Config
from tiny_images import write_cifar_batches
from tiny_runs import parts
from tiny_training import ROOT, forget_runs, quick_tools, tool

from ltseg.checkpoint_files.loading import load_checkpoint_file
from ltseg.reports.record import RunRecord

CUT = {'batch_size': 60, 'max_epochs': 1, 'val_interval': 1, 'interval': 1, 'depth': 20, 'imbalance_factor': 6}
pytestmark = [pytest.mark.slow, pytest.mark.usefixtures('mmseg_registered')]


def trained(folder: Path, name: str) -> Path:
    """The work dir of a config of the project after one epoch on the pictures in the folder."""
    config = Config.fromfile(ROOT / f'configs/classification/{name}.py')
    for part in parts(config._cfg_dict):
        part.update({key: CUT[key] for key in CUT if key in part})
        if 'data_root' in part:
            part['data_root'] = str(folder / 'cifar')
        if 'experts' in part:
            part['experts'] = [path.replace('epoch_200', 'epoch_1') for path in part['experts']]
    path = folder / f'{name}.py'
    config.dump(path)
    tool('train')([str(path)])
    forget_runs()
    return folder / 'work_dirs' / name


def test_experts_and_then_the_student(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_cifar_batches(tmp_path / 'cifar', 10, per_class=6)
    classes = ()
    with quick_tools():
        for group in ('many', 'medium', 'few'):
            content = load_checkpoint_file(trained(tmp_path, f'resnet32_lfme_{group}_cifar10lt100') / 'epoch_1.pth')
            classes += content['meta']['dataset_meta']['classes']
            assert len(content['state_dict']['head.fc.bias']) == {'many': 3, 'medium': 4, 'few': 3}[group]
        student = trained(tmp_path, 'resnet32_lfme_cifar10lt100')
    record = RunRecord.load(student / 'records/val.json')
    assert record.evaluation.class_names == classes
    assert record.evaluation.matrix.sum(1).tolist() == record.evaluation.counts.tolist()  # the training images
    log = next(student.glob('*/*.log')).read_text(encoding='utf-8')
    for group, number in (('many', 3), ('medium', 4), ('few', 3)):
        assert f'Expert work_dirs/resnet32_lfme_{group}_cifar10lt100/epoch_1.pth, {number} classes' in log
