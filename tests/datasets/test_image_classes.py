"""Which images hold which classes: from labels, lists of classes and label files, through any wrapper."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from counted_labels import write_labels
from hinted import hinted
from mmengine.dataset import BaseDataset, ConcatDataset, RepeatDataset
from PIL import Image
from two_processes import in_two_processes

from ltseg.core.errors import UnusableLabelsError
from ltseg.counts.data_set_counts import build_dataset
from ltseg.datasets import ClassAwareSampler, ClassBalancedSampler, RepeatFactorSampler, SeededDataset, image_classes
from ltseg.datasets.image_classes import image_classes_of

pytestmark = pytest.mark.usefixtures('mmseg_registered')

PIXELS = [[44, 0, 4], [40, 6, 2], [0, 0, 48], [46, 2, 0]]  # road, car, ignored in four images of 6 x 8


@pytest.fixture
def config(tmp_path: Path) -> dict[str, Any]:
    return write_labels(tmp_path, PIXELS)


def table(dataset: Any) -> list[list[int]]:
    """Pixels of road, car and what is ignored in each image, as ``PIXELS`` has them."""
    found = image_classes_of(dataset)
    pixels = np.zeros((len(dataset), 3), np.int64)
    pixels[found.images, found.classes] = found.samples
    pixels[:, 2] = found.sizes - pixels.sum(1)
    return pixels.tolist()


def test_pixels_of_a_segmentation_data_set_come_from_its_label_files(config: dict[str, Any]) -> None:
    assert table(build_dataset(config)) == PIXELS


def test_wrappers_and_parts_have_what_is_in_them(config: dict[str, Any]) -> None:
    part = {**config, 'indices': [3, 1]}
    assert table(build_dataset(part)) == [PIXELS[3], PIXELS[1]]
    assert table(build_dataset(config).get_subset([2, 0])) == [PIXELS[2], PIXELS[0]]
    twice = dict(type='RepeatDataset', times=2, dataset=config)
    nested = build_dataset(dict(type='ConcatDataset', datasets=[twice, part]))
    assert table(SeededDataset(nested)) == [*PIXELS, *PIXELS, PIXELS[3], PIXELS[1]]
    lazy = build_dataset({**config, 'lazy_init': True})
    assert table(ConcatDataset([lazy], lazy_init=True)) == PIXELS


def test_labels_are_read_as_the_data_set_reads_them(config: dict[str, Any]) -> None:
    reduced = build_dataset({**config, 'reduce_zero_label': True})
    assert table(reduced) == [[0, 0, 48], [6, 0, 42], [0, 0, 48], [2, 0, 46]]
    without_cars = build_dataset({**config, 'metainfo': {'classes': ('road',)}, 'ignore_index': 1, 'indices': [3]})
    assert table(without_cars) == [[46, 0, 2]]


@pytest.mark.parametrize('kind', [ClassAwareSampler, ClassBalancedSampler, RepeatFactorSampler])
def test_samplers_of_classes_serve_segmentation(kind: type, config: dict[str, Any]) -> None:
    dataset = RepeatDataset(build_dataset(config), 3)
    drawn = list(kind(dataset, seed=0))
    assert drawn == list(kind(dataset, seed=0)) and set(drawn) <= set(range(12))
    assert {1, 3} <= {index % 4 for index in drawn}  # the images with a car
    assert kind is RepeatFactorSampler or not {2, 6, 10} & set(drawn)  # nothing is labelled there


def test_repeat_factors_of_segmentation_are_those_of_the_classes_in_its_images(config: dict[str, Any]) -> None:
    dataset = build_dataset(config)
    found = RepeatFactorSampler(dataset, threshold=0.75, seed=0).repeats
    np.testing.assert_allclose(found, np.sqrt([1, 0.75 / 0.5, 1, 0.75 / 0.5]))  # a car is in 2 of 4 images, a road in 3
    found = RepeatFactorSampler(dataset, threshold=0.75, seed=0, min_share=6 / 48).repeats
    np.testing.assert_allclose(found, np.sqrt([1, 0.75 / 0.25, 1, 1]))  # the two pixels of the last are too few


def test_class_aware_rounds_take_each_class_from_images_that_hold_it(config: dict[str, Any]) -> None:
    drawn = np.bincount(list(ClassAwareSampler(build_dataset(config), length=1200, seed=0)), minlength=4)
    np.testing.assert_array_equal(drawn, [200, 200 + 300, 0, 200 + 300])  # road from three images, car from two


def test_a_share_that_no_image_reaches_asks_for_any(config: dict[str, Any]) -> None:
    held = image_classes_of(build_dataset(config)).of_share(0.5)
    assert held.counts.tolist() == [3, 2]  # of cars no image has half of its pixels
    assert image_classes_of(build_dataset(config)).of_share(2 / 48).counts.tolist() == [3, 2]  # as much counts
    assert image_classes_of(build_dataset(config)).of_share(3 / 48).counts.tolist() == [3, 1]


def test_what_a_data_set_says_itself_comes_first(config: dict[str, Any]) -> None:
    class Told:
        def __len__(self) -> int:
            return 4

        def get_cat_ids(self, index: int) -> list[int]:
            return [[0, 5], [5], [], [0]][index]

        get_data_info = build_dataset(config).get_data_info

    assert image_classes_of(Told()).counts.tolist() == [2, 0, 0, 0, 0, 2]


def test_labels_in_data_infos_are_found_through_wrappers() -> None:
    class Pets(BaseDataset):
        METAINFO = {'classes': ('cat', 'owl')}

        def load_data_list(self) -> list[dict]:
            return [{'gt_label': label} for label in (0, 0, 1)]

    assert image_classes_of(ConcatDataset([Pets(), Pets()])).counts.tolist() == [4, 2]


def test_data_sets_without_labels_are_told_what_to_do(config: dict[str, Any]) -> None:
    blind = {**config, 'data_prefix': {'img_path': 'images'}}
    hinted("data_prefix=dict(img_path='IMAGES', seg_map_path='LABELS')", lambda: image_classes_of(build_dataset(blind)))
    nameless = build_dataset({**config, 'metainfo': None})
    hinted('Give the data set metainfo=dict(classes=(...)).', lambda: image_classes_of(nameless))
    assert table(build_dataset(config)) == PIXELS


@pytest.mark.parametrize('kind', [ClassAwareSampler, ClassBalancedSampler, RepeatFactorSampler])
def test_data_sets_of_which_nothing_is_known_are_refused(kind: type, config: dict[str, Any], tmp_path: Path) -> None:
    void = build_dataset(write_labels(tmp_path / 'void', [[0, 0, 48]] * 3))
    with pytest.raises(UnusableLabelsError, match='expected images with classes, got 3 images without any'):
        kind(void, seed=0)
    with pytest.raises(ValueError, match='got 0 images without any'):
        kind(build_dataset(config).get_subset([]), seed=0)
    with pytest.raises(ValueError, match=r'min_share: expected a number in \[0, 1\]'):
        kind(build_dataset(config), min_share=3000, seed=0)
    (tmp_path / 'labels/1.png').write_bytes(b'no picture')
    with pytest.raises(UnusableLabelsError, match=r'label file .*1\.png'):
        kind(build_dataset(config), seed=0)


def test_negative_classes_are_refused() -> None:
    class Wrong:
        def __len__(self) -> int:
            return 1

        def get_cat_ids(self, index: int) -> list[int]:
            return [2, -1]

    with pytest.raises(ValueError, match='Wrong: expected classes of at least 0, got -1'):
        image_classes_of(Wrong())


def _each_gets_what_the_first_reads(rank: int, config: dict[str, Any], broken: dict[str, Any]) -> None:
    if rank:
        image_classes.pixels_of_images = None  # type: ignore[assignment]
    assert table(build_dataset(config)) == PIXELS
    with pytest.raises(UnusableLabelsError, match='seven'):
        image_classes_of(build_dataset(broken))


def test_one_process_reads_for_all(config: dict[str, Any], tmp_path: Path) -> None:
    broken = write_labels(tmp_path / 'seven', PIXELS)
    Image.fromarray(np.full((6, 8), 7, np.uint8)).save(tmp_path / 'seven/labels/0.png')
    in_two_processes(_each_gets_what_the_first_reads, config, broken)
