"""Images of different sizes that cannot become a batch end in one message, before training where their files tell."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hinted import hinted
from mmengine.dataset import default_collate
from PIL import Image
from plain_segmentation import stripes, write_images, write_plain_config
from tiny_training import quick_tools, tool
from torch.utils.data import DataLoader

from ltseg.cli import image_sizes
from ltseg.cli.errors import message_of
from ltseg.core.errors import UsageError

pytestmark = pytest.mark.usefixtures('mmseg_registered', 'quick')

LOAD, LABELS, PACK = ({'type': kind} for kind in ('LoadImageFromFile', 'LoadAnnotations', 'PackSegInputs'))
CROP, RESIZE = {'type': 'RandomCrop', 'crop_size': (32, 32)}, {'type': 'Resize', 'scale': (32, 32)}


@pytest.fixture(scope='module')
def quick() -> Any:
    with quick_tools():
        yield


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Images of 32 x 32, and in training two of 48 x 64 among them."""
    labels = stripes((0.6, 0.3, 0.1), (0, 1, 2))
    write_images(tmp_path / 'data', labels)
    for index in (1, 3):
        noise = np.random.default_rng(index).integers(0, 256, (48, 64, 3), np.uint8)
        Image.fromarray(noise).save(tmp_path / f'data/img/train/{index}.jpg')
        Image.fromarray(noise[..., 0] % 3).save(tmp_path / f'data/ann/train/{index}.png')
    return tmp_path


def test_it_is_said_before_training(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        tool('train')([str(write_plain_config(folder))])
    text = capsys.readouterr().err
    assert text.startswith('error: train_dataloader, batch: expected images of one size, got [3, 32, 32] and [3, 48, ')
    hinted("Let the pipeline give images of one size, by dict(type='RandomCrop', crop_size=(H, W))", text)
    assert not list(folder.glob('work_dirs/run/*/*.log'))


@pytest.mark.parametrize(
    'changes',
    [
        {'train_dataloader__dataset__pipeline': [LOAD, LABELS, CROP, PACK]},
        {'train_dataloader__dataset__pipeline': [LOAD, LABELS, RESIZE, PACK]},
        {'model__data_preprocessor__size': None, 'model__data_preprocessor__size_divisor': 16},
        {'train_dataloader__batch_size': 1},
    ],
)
def test_each_hint_lets_it_train(changes: dict, folder: Path) -> None:
    tool('train')([str(write_plain_config(folder, train_cfg__max_iters=4, train_cfg__val_interval=4, **changes))])
    assert (folder / 'work_dirs/run/iter_4.pth').is_file()


def test_what_was_not_seen_before_training_ends_in_a_message(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(image_sizes, 'LOOKED_AT', 1)
    with pytest.raises(SystemExit):
        tool('train')([str(write_plain_config(folder, train_cfg__max_iters=9))])
    text = capsys.readouterr().err
    assert 'error: batch: expected images of one size, got [3, ' in text and 'Traceback' not in text


class Images(torch.utils.data.Dataset):
    """Of two sizes; the larger one first, or last."""

    def __init__(self, sizes: tuple[int, int]) -> None:
        self.sizes = sizes

    def __len__(self) -> int:
        return len(self.sizes)

    def __getitem__(self, index: int) -> dict[str, torch.Tensor]:
        return {'inputs': torch.zeros(3, self.sizes[index], 8)}


@pytest.mark.parametrize('workers', [0, 1])
@pytest.mark.parametrize('sizes', [(8, 16), (16, 8)])
def test_images_that_a_collate_function_stacks(workers: int, sizes: tuple[int, int]) -> None:
    loader = DataLoader(Images(sizes), batch_size=2, num_workers=workers, collate_fn=default_collate)
    with pytest.raises(RuntimeError) as caught:
        next(iter(loader))
    message = message_of(caught.value)
    assert message is not None and message.startswith('batch: expected images of one size, got ')
    assert 'RandomCrop' in message and message.count('\n') == 0


def test_other_stacks_keep_their_traceback() -> None:
    with pytest.raises(RuntimeError) as caught:
        torch.stack([torch.zeros(2), torch.zeros(3)])
    assert message_of(caught.value) is None


class Described(Images):
    """With files of two sizes."""

    folder = Path()

    def get_data_info(self, index: int) -> dict[str, str]:
        return {'img_path': str(self.folder / f'data/img/train/{index}.jpg')}


@pytest.mark.parametrize('by_size', [True, False])
def test_a_batch_sampler_may_know_the_sizes(by_size: bool, folder: Path) -> None:
    dataset = Described((32, 48))
    dataset.folder = folder
    batches: Any = {'batch_sampler': [[0, 0], [1, 1]]} if by_size else {'batch_size': 2}
    loader = DataLoader(dataset, collate_fn=default_collate, **batches)
    if by_size:
        image_sizes.check_image_sizes(loader, torch.nn.Identity(), 'val')
    else:
        with pytest.raises(UsageError, match=r'^val_dataloader, batch: expected images of one size'):
            image_sizes.check_image_sizes(loader, torch.nn.Identity(), 'val')
