"""Pixels of each class in each image, and parts of a data set that hold every class."""

from pathlib import Path

import pytest
import torch
from mmengine.dataset import ConcatDataset, RepeatDataset
from PIL import Image

from ltseg.counts.data_set_counts import build_dataset, count_dataset
from ltseg.counts.image_counts import images_with_all_classes, pixels_of_images

pytestmark = pytest.mark.usefixtures('mmseg_registered')


@pytest.fixture
def config(tmp_path: Path) -> dict:
    """Four images; class 2 is in the last alone, and 255 in each."""
    for index in range(4):
        for folder in ('images', 'labels'):
            (tmp_path / folder).mkdir(exist_ok=True)
        labels = torch.zeros(6, 8, dtype=torch.uint8)
        labels[0, : index + 1], labels[1] = 1, 255
        labels[5, 0] = 2 if index == 3 else 0
        Image.fromarray(labels.numpy()).save(tmp_path / f'labels/{index}.png')
        Image.new('RGB', (8, 6)).save(tmp_path / f'images/{index}.jpg')
    prefix = dict(img_path='images', seg_map_path='labels')
    metainfo = dict(classes=('road', 'car', 'pole'))
    return dict(type='BaseSegDataset', data_root=str(tmp_path), data_prefix=prefix, metainfo=metainfo)


def test_pixels_are_those_of_each_file_and_add_up_to_the_counts(config: dict) -> None:
    dataset = build_dataset(config)
    pixels = pixels_of_images(dataset, 3)
    assert pixels.tolist() == [[39, 1, 0], [38, 2, 0], [37, 3, 0], [35, 4, 1]]
    assert torch.equal(pixels.sum(0), count_dataset(dataset)[0].counts.samples)


def test_wrappers_repeat_images(config: dict) -> None:
    dataset = build_dataset(config)
    pixels = pixels_of_images(dataset, 3)
    assert torch.equal(pixels_of_images(RepeatDataset(dataset, 2), 3), pixels.repeat(2, 1))
    assert torch.equal(pixels_of_images(ConcatDataset([dataset, dataset]), 3), pixels.repeat(2, 1))


@pytest.mark.parametrize('number', [4, 10, 30])
@pytest.mark.parametrize('seed', range(3))
def test_a_part_holds_every_class_and_is_drawn_at_random(number: int, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    pixels = (torch.rand(60, 4, generator=generator) < torch.tensor([1.0, 0.6, 0.1, 0.05])).long()
    pixels[seed] = 1  # each class is somewhere
    taken = images_with_all_classes(pixels, number, seed)
    assert len(taken) == number and list(taken) == sorted(set(taken))
    chosen = pixels[list(taken)].sum(0)
    assert (chosen >= pixels.sum(0).clamp(max=max(number // 8, 1))).all()
    assert taken == images_with_all_classes(pixels, number, seed)
    assert number < 10 or taken != images_with_all_classes(pixels, number, seed + 1)


def test_more_images_than_there_are_is_all_of_them() -> None:
    assert images_with_all_classes(torch.ones(5, 2, dtype=torch.int64), 9) == (0, 1, 2, 3, 4)


def test_classes_come_before_the_number() -> None:
    assert images_with_all_classes(torch.eye(6, dtype=torch.int64), 2) == (0, 1, 2, 3, 4, 5)
