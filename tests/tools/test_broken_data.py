"""A broken file ends a training run with two workers in one message that names it, and exit code 1."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tiny_runs import quick_runners
from tiny_training import tool, write_training

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures('mmseg_registered', 'quick')]

LABELS = np.zeros((36, 48), np.uint8)


@pytest.fixture(scope='module')
def quick() -> Iterator[None]:
    with quick_runners(), pytest.MonkeyPatch.context() as patch:
        patch.setattr('torch.utils.data._utils.MP_STATUS_CHECK_INTERVAL', 0.2)  # seconds to wait for a worker's end
        yield


@pytest.fixture(scope='module')
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    loader = {'num_workers': 2, 'persistent_workers': True}
    return write_training(tmp_path_factory.mktemp('broken'), train_dataloader=loader)


def spoil(path: Path, pixels: np.ndarray | None) -> None:
    """Writes other pixels, or cuts the file short."""
    if pixels is None:
        path.write_bytes(path.read_bytes()[:-20])
    else:
        Image.fromarray(pixels).save(path)


@pytest.mark.parametrize(
    ('pixels', 'expected'),
    [
        (None, 'cut off'),
        (np.stack([LABELS] * 3, axis=2), '3 channels'),
        (LABELS + 14, 'value 14'),
        (LABELS[:-1], 'the height and width of its image'),
    ],
    ids=['truncated', 'channels', 'value', 'size'],
)
def test_label(
    pixels: np.ndarray | None, expected: str, config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    labels = sorted((config.parent / 'camvid/labels/train').iterdir())
    whole = {path: path.read_bytes() for path in labels}
    for path in labels:
        spoil(path, pixels)
    with pytest.raises(SystemExit) as ended:
        tool('train')([str(config), '--work-dir', str(tmp_path)])
    for path in labels:
        path.write_bytes(whole[path])
    assert ended.value.code == 1
    text = capsys.readouterr().err
    assert text.count('error: ') == 1 and 'Traceback' not in text
    last = text.splitlines()[-1]
    assert last.startswith('error: label file ') and expected in last
    assert any(str(path) in last for path in labels)
