"""The published recipe on data in Cityscapes' layout, from scratch, as a user would try it on a small machine."""

from pathlib import Path

import pytest
from tiny_runs import quick_runners, write_cityscapes
from tiny_training import ROOT, tool

from ltseg.reports.record import RunRecord

CONFIG = str(ROOT / 'configs' / 'deeplabv3plus_arb_cityscapes.py')
SIZES = (
    'model.data_preprocessor.size=(32,64)',
    'train_dataloader.dataset.pipeline.2.scale=(64,32)',
    'train_dataloader.dataset.pipeline.3.crop_size=(32,64)',
    'val_dataloader.dataset.pipeline.1.scale=(64,32)',
    'test_dataloader.dataset.pipeline.1.scale=(64,32)',
)


@pytest.mark.slow
def test_cityscapes_recipe_trains_evaluates_and_reports(
    tmp_path: Path, mmseg_registered: None, capsys: pytest.CaptureFixture[str]
) -> None:
    data, run = write_cityscapes(tmp_path / 'cityscapes'), tmp_path / 'run'
    where = ('--data-root', str(data), '--work-dir', str(run))
    settings = ('num_workers=0', 'persistent_workers=False')
    workers = [f'{split}_dataloader.{setting}' for split in ('train', 'val', 'test') for setting in settings]
    length = ('train_cfg.max_iters=1', 'train_cfg.val_interval=1')
    with quick_runners():
        tool('train')([CONFIG, *where, '--cfg-options', 'model.pretrained=None', *SIZES, *length, *workers])
        trained = capsys.readouterr().out
        tool('test')([CONFIG, str(run / 'iter_1.pth'), *where, '--cfg-options', *SIZES, *workers])
        tested = capsys.readouterr().out
        tool('report')([str(run), '--images', '1', '--out', str(tmp_path / 'report.html')])
    page = (tmp_path / 'report.html').read_text(encoding='utf-8')
    assert 'ARB (batch): errors' in page and 'Training loss' in page and 'Settings that differ' not in page
    records = [RunRecord.load(run / 'records' / f'{split}.json') for split in ('val', 'test')]
    named = {(record.method, record.model, record.dataset) for record in records}
    assert named == {('ARB (batch)', 'DeepLabv3+ R50', 'Cityscapes')}
    assert (records[0].evaluation.matrix == records[1].evaluation.matrix).all()  # Cityscapes is tested on val
    assert {path.suffix for path in (run / 'reports').glob('test_report.*')} == {'.csv', '.json', '.md'}
    assert trained.count('per class results') == 1 and 'motorcycle' in tested and str(run / 'reports') in tested
