"""Crops hold the class that was drawn for them, lie within the image, and repeat with the generator."""

from collections import Counter
from typing import Any

import numpy as np
import pytest
from hinted import hinted
from mmseg.datasets.transforms import RandomCrop

from ltseg.counts.ignored_label import settle_ignored_label
from ltseg.datasets import ClassCrop
from ltseg.registry import TRANSFORMS


@pytest.fixture(autouse=True)
def seeded() -> None:
    np.random.seed(0)


def image(labels: np.ndarray) -> dict[str, Any]:
    """What pipelines hand on; the pixels of the image are numbered."""
    numbers = np.arange(labels.size).reshape(labels.shape)
    return {'img': numbers, 'gt_seg_map': labels, 'seg_fields': ['gt_seg_map']}


def scene() -> np.ndarray:
    """Labels (40, 60): 0 everywhere but for a pixel of 1 in a corner, a square of 2, and a strip of the ignored."""
    labels = np.zeros((40, 60), np.uint8)
    labels[0, 0], labels[20:26, 50:56], labels[:, 30] = 1, 2, 255
    return labels


@pytest.mark.parametrize('form', ['centered', 'tried'])
@pytest.mark.parametrize('size', [(8, 12), (39, 60), (64, 64), 8, (1, 1)])
def test_crops_lie_within_the_image_and_take_labels_along(form: str, size: Any) -> None:
    crop = ClassCrop(size, form, share=1.0)
    for _ in range(40):
        found = crop(image(scene()))
        height, width = np.minimum(crop.crop_size, (40, 60))
        assert found['img'].shape == found['gt_seg_map'].shape == found['img_shape'] == (height, width)
        top, left = divmod(int(found['img'][0, 0]), 60)
        np.testing.assert_array_equal(found['gt_seg_map'], scene()[top : top + height, left : left + width])


def test_the_drawn_pixel_is_in_the_middle_as_far_as_the_image_reaches() -> None:
    crop, labels = ClassCrop((9, 9), share=1.0), np.zeros((40, 60), np.uint8)
    crop.class_odds = np.array([0.0, 1.0])
    for row, column, middle in ((20, 30, (4, 4)), (0, 59, (0, 8)), (39, 2, (8, 2)), (37, 57, (6, 6))):
        labels[:] = 0
        labels[row, column] = 1
        found = crop(image(labels))['gt_seg_map']
        assert np.argwhere(found).tolist() == [list(middle)]


def test_each_class_and_each_pixel_of_it_is_drawn_alike() -> None:
    crop, number = ClassCrop((1, 1), share=1.0), 6000
    drawn = [crop(image(scene())) for _ in range(number)]
    classes = Counter(int(each['gt_seg_map'][0, 0]) for each in drawn)
    assert classes.keys() == {0, 1, 2} and all(abs(classes[k] - number / 3) < 150 for k in classes)
    pixels = np.array([*Counter(int(each['img'][0, 0]) for each in drawn if each['gt_seg_map'] == 2).values()])
    assert len(pixels) == 36
    expected = classes[2] / 36
    assert ((pixels - expected) ** 2 / expected).sum() < 35 + 4 * np.sqrt(70)


def test_a_third_of_the_crops_is_centered_and_the_others_are_random() -> None:
    crop, labels = ClassCrop((3, 3)), np.zeros((300, 300), np.uint8)
    crop.class_odds = np.array([0.0, 1.0])
    labels[150, 150] = 1
    held = [crop(image(labels))['gt_seg_map'].any() for _ in range(3000)]
    assert abs(np.mean(held) - 1 / 3) < 0.04


def test_no_share_is_random_crop() -> None:
    options = dict(crop_size=(20, 20), cat_max_ratio=0.9)
    np.random.seed(3)
    np.random.random()  # whether the crop is for a class
    expected = RandomCrop(**options)(image(scene()))['img']
    np.random.seed(3)
    np.testing.assert_array_equal(ClassCrop(**options, share=0.0)(image(scene()))['img'], expected)


def test_tries_end_with_a_crop_that_holds_half_of_enough() -> None:
    labels = np.zeros((40, 40), np.uint8)
    labels[:, 30:] = 1
    crop = ClassCrop((20, 20), 'tried', min_share=0.2)  # half of it are 160 pixels, 8 columns of the crop
    crop.class_odds = np.array([0.0, 1.0])
    held = np.array([crop(image(labels))['gt_seg_map'].sum() for _ in range(400)])
    of_one = 3 / 21  # the left edge at 18, 19 or 20
    assert abs((held >= 160).mean() - (1 - (1 - of_one) ** 10)) < 0.06
    assert (held < 160).any()  # after ten tries


def test_tries_are_for_classes_of_which_the_image_holds_enough() -> None:
    crop = ClassCrop((8, 8), 'tried', min_share=36 / 2400)
    assert {crop._drawn_class(scene()) for _ in range(200)} == {0, 2}
    alone = ClassCrop((8, 8), 'tried', min_share=1.0)
    assert alone._drawn_class(scene()) is None and alone(image(scene()))['img'].shape == (8, 8)


@pytest.mark.parametrize('form', ['centered', 'tried'])
def test_images_without_a_class_are_cropped_at_random(form: str) -> None:
    crop = ClassCrop((8, 8), form, share=1.0)
    places = {int(crop(image(np.full((40, 60), 255, np.uint8)))['img'][0, 0]) for _ in range(50)}
    assert len(places) > 40
    crop.class_odds = np.array([0.0])  # of the sampler's classes none is there
    assert crop._drawn_class(scene()) is None


def test_the_ignored_label_is_no_class_and_follows_that_of_training() -> None:
    labels = np.where(scene() == 255, 11, scene())
    assert {ClassCrop(8, ignore_index=11)._drawn_class(labels) for _ in range(100)} == {0, 1, 2}
    wide = ClassCrop(8, ignore_index=65535)._drawn_class(np.array([[65535, 300]], np.uint16))
    assert wide == 300
    step = {'type': 'ltseg.ClassCrop', 'crop_size': 8}
    data = {'type': 'BaseSegDataset', 'pipeline': [step]}
    config = {'model': {'decode_head': {'num_classes': 11, 'ignore_index': 11}}, 'train_dataloader': {'dataset': data}}
    settle_ignored_label(config, training=True)
    assert TRANSFORMS.build(step).ignore_index == 11


def test_crops_repeat_with_the_generator() -> None:
    def places() -> list[int]:
        np.random.seed(5)
        return [int(crop(image(scene()))['img'][0, 0]) for _ in range(20)]

    crop = ClassCrop((8, 8), share=0.5)
    assert places() == places()


@pytest.mark.parametrize(
    'setting',
    [dict(form='centred'), dict(share=1.5), dict(share=-0.1), dict(min_share=3000), dict(ignore_index=-100)],
    ids=str,
)
def test_settings_without_sense_are_refused(setting: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=f'ClassCrop.{next(iter(setting))}: expected'):
        ClassCrop((8, 8), **setting)


def test_labels_have_to_be_loaded() -> None:
    unlabelled = {'img': np.zeros((40, 60))}
    hinted("Put dict(type='LoadAnnotations') before it in the pipeline.", lambda: ClassCrop(8)(unlabelled))
    loaded = {**unlabelled, 'gt_seg_map': scene(), 'seg_fields': ['gt_seg_map']}
    assert ClassCrop(8)(loaded)['img'].shape == (8, 8)
