"""MMSegmentation or MMPretrain may be missing, or broken."""

import subprocess
import sys
from pathlib import Path

import pytest
from tiny_training import write_classification

from ltseg.reports.record import find_records

SCRIPT = """
import sys
sys.modules[{absent!r}] = None  # what an import of it then raises is what a missing package raises
import ltseg.compat
from ltseg.registry import DATASETS, MODELS
assert DATASETS.get('CIFARDataset') and DATASETS.get('LongTailedDataset')
assert (DATASETS.get('CamVidDataset') is None) == ({absent!r} == 'mmseg')
assert MODELS.get('ARBLoss')
try:
    MODELS.build(dict(type='ltseg.AugmentingClsPreprocessor'))
except ModuleNotFoundError as error:
    print(error)
"""


@pytest.mark.parametrize(('absent', 'message'), [('mmseg', ''), ('mmpretrain', 'mmpretrain')])
def test_either_package_may_be_missing(absent: str, message: str) -> None:
    command = [sys.executable, '-W', 'ignore', '-c', SCRIPT.format(absent=absent)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert message in result.stdout


NEEDING_MMENGINE = ('losses', 'rules', 'regularizers', 'heads', 'hooks', 'metrics', 'datasets', 'models', 'trained')


def test_every_part_that_needs_mmengine_names_it() -> None:
    script = f"""
import importlib, sys
sys.modules['mmengine'] = None
from ltseg.core.errors import MissingPackageError
for part in {NEEDING_MMENGINE!r}:
    try:
        importlib.import_module('ltseg.' + part)
    except MissingPackageError as error:
        print(part, 'mmengine' in str(error) and "pip install 'ltseg[mmseg]'" in str(error))
"""
    answer = subprocess.run([sys.executable, '-c', script], capture_output=True, text=True, check=False)
    assert answer.stdout.splitlines() == [f'{part} True' for part in NEEDING_MMENGINE], answer.stderr


COMMANDS = """
import sys
sys.path.insert(0, {folder!r})
if {absent!r}:
    sys.modules['mmseg'] = None
import ltseg.compat
from ltseg.cli.test import main as test
from ltseg.cli.train import main as train
from ltseg.registry import DATASETS
train([{config!r}])
test([{config!r}, 'work_dirs/training/epoch_1.pth'])
try:
    DATASETS.build(dict(type='ltseg.CamVidDataset'))
except (ImportError, KeyError) as error:
    print(error)
"""


@pytest.mark.parametrize('broken', [True, False], ids=['broken', 'absent'])
def test_classification_trains_without_mmsegmentation(broken: bool, tmp_path: Path) -> None:
    """With counts of the data set, for which the data sets of the package are looked up, and records of versions."""
    settings = {'model.head.loss.type': 'ltseg.BalancedSoftmaxLoss'}
    config = write_classification(tmp_path, **settings)
    (tmp_path / 'mmseg').mkdir()
    what = "raise AssertionError('MMCV==2.2.0 is used but incompatible')" if broken else ''
    (tmp_path / 'mmseg/__init__.py').write_text(what)
    script = COMMANDS.format(folder=str(tmp_path), config=str(config), absent=not broken)
    result = subprocess.run(
        [sys.executable, '-W', 'ignore', '-c', script], cwd=tmp_path, capture_output=True, text=True
    )
    output = result.stdout + result.stderr
    assert result.returncode == 0, output
    assert 'CountClasses: 10 classes' in output
    records = find_records([tmp_path / 'work_dirs'])
    assert len(records) > 1 and all('mmpretrain' in each.versions and 'mmseg' not in each.versions for each in records)
    expected = 'mmseg: expected an mmseg that can be imported' if broken else 'CamVidDataset is not in'
    assert expected in result.stdout
