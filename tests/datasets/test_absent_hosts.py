"""Either host may be missing."""

import subprocess
import sys

import pytest

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
def test_either_host_may_be_missing(absent: str, message: str) -> None:
    command = [sys.executable, '-W', 'ignore', '-c', SCRIPT.format(absent=absent)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert message in result.stdout
