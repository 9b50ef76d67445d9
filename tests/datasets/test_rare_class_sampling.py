"""Classes are drawn by the softmax of DAFormer, and images alike from those that hold enough."""

import math
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from counted_labels import labels_with, write_labels
from hypothesis import given
from hypothesis import strategies as st
from torch.utils.data import DataLoader
from two_processes import in_two_processes

from ltseg.counts.data_set_counts import build_dataset
from ltseg.datasets import ClassCrop, RareClassSampler, SeededDataset
from ltseg.datasets.rare_class_sampling import ENOUGH, rarity_shares
from ltseg.hooks.exact_resume import _is_known, _positioned

pytestmark = pytest.mark.usefixtures('mmseg_registered')

PIXELS = [[40, 8, 0], [46, 2, 0], [0, 6, 42], [48, 0, 0], [0, 0, 48]]  # road, car, ignored of 48
SETTINGS: dict[str, Any] = dict(temperature=0.5, min_share=4 / 48, length=20_000, seed=0)
CROP = dict(type='ltseg.ClassCrop', crop_size=(3, 4), form='tried', min_share=4 / 48)


@pytest.fixture
def config(tmp_path: Path) -> dict[str, Any]:
    loading = [dict(type='LoadImageFromFile'), dict(type='LoadAnnotations')]
    return {**write_labels(tmp_path, PIXELS), 'pipeline': [*loading, CROP]}


def built(config: dict[str, Any]) -> Any:
    return build_dataset(config, with_pipeline=True)


def expected_pairs() -> dict[tuple[int, int], float]:
    """The probability of each class with each image, from the formula: road in images 0, 1, 3, car in 0 and 2."""
    road, car = 134 / 150, 16 / 150
    total = math.exp((1 - road) / 0.5) + math.exp((1 - car) / 0.5)
    shares = math.exp((1 - road) / 0.5) / total, math.exp((1 - car) / 0.5) / total
    return {(0, image): shares[0] / 3 for image in (0, 1, 3)} | {(1, image): shares[1] / 2 for image in (0, 2)}


def assert_fits(drawn: Counter, expected: dict[Any, float]) -> None:
    """Pearson's chi-square of what was drawn stays within four standard deviations of its mean."""
    number, freedom = drawn.total(), len(expected) - 1
    assert drawn.keys() <= expected.keys()
    square = sum((drawn[key] - number * share) ** 2 / (number * share) for key, share in expected.items())
    assert square < freedom + 4 * math.sqrt(2 * freedom)


def test_images_are_drawn_by_the_formula(config: dict[str, Any]) -> None:
    expected: dict[int, float] = Counter()
    for (_, image), share in expected_pairs().items():
        expected[image] += share
    sampler = RareClassSampler(built(config), **SETTINGS)
    assert_fits(Counter(sampler), dict(expected))
    with pytest.raises(AssertionError):  # otherwise the line above could not fail
        assert_fits(Counter(RareClassSampler(built(config), **{**SETTINGS, 'temperature': 0.4})), dict(expected))


def test_crops_draw_the_class_for_which_the_image_was_drawn(config: dict[str, Any]) -> None:
    dataset = built({'type': 'RepeatDataset', 'times': 2, 'dataset': config})
    sampler = RareClassSampler(dataset, **SETTINGS)
    crop = dataset.dataset.pipeline.transforms[-1]
    np.random.seed(0)
    pairs = Counter((crop._drawn_class(labels_with(PIXELS[index % 5])), index % 5) for index in sampler)
    assert_fits(pairs, expected_pairs())


def test_centred_crops_draw_the_class_for_which_the_image_was_drawn(config: dict[str, Any]) -> None:
    """The second image has too little of car to be drawn for it, and is never cropped around car."""
    config['pipeline'][-1] = dict(type='ltseg.ClassCrop', crop_size=(1, 1), share=1.0)
    dataset = built(config)
    RareClassSampler(dataset, **SETTINGS)
    assert {int(dataset[1]['gt_seg_map'][0, 0]) for _ in range(60)} == {0}
    assert {int(dataset[0]['gt_seg_map'][0, 0]) for _ in range(60)} == {0, 1}


def test_crops_inside_another_transform_hear_of_it(config: dict[str, Any]) -> None:
    config['pipeline'][-1] = dict(type='RandomChoice', transforms=[[CROP], [CROP]])
    dataset = built(config)
    RareClassSampler(dataset, **SETTINGS)
    crops = [choice.transforms[0] for choice in dataset.pipeline.transforms[-1].transforms]
    assert all(crop.class_odds is not None for crop in crops)


def test_a_class_that_no_image_holds_enough_of_is_drawn_from_any(config: dict[str, Any]) -> None:
    sampler = RareClassSampler(built(config), **{**SETTINGS, 'temperature': 1e-3, 'min_share': 0.5})
    drawn = Counter(sampler)
    assert_fits(drawn, dict.fromkeys((0, 1, 2), 1 / 3))


def test_classes_without_an_image_are_left_out(config: dict[str, Any]) -> None:
    more = {**config, 'metainfo': {'classes': ('road', 'car', 'tram')}}
    np.testing.assert_array_equal(
        RareClassSampler(built(more), **SETTINGS).shares, RareClassSampler(built(config), **SETTINGS).shares
    )


@given(st.lists(st.integers(0, 10**9), min_size=1, max_size=30).filter(any), st.floats(1e-320, 1e6))
def test_shares_are_a_softmax_over_the_classes_there_are(samples: list[int], temperature: float) -> None:
    found = rarity_shares(np.array(samples), temperature)
    assert found.sum() == pytest.approx(1) and (found >= 0).all()
    present = np.array(samples) > 0
    assert (found[~present] == 0).all()
    rarity = np.argsort(np.where(present, samples, np.inf), kind='stable')[: present.sum()]
    assert (np.diff(found[rarity]) <= 1e-12).all()  # the rarer, the likelier
    if temperature > 0.01:
        shares = np.array(samples) / sum(samples)
        naive = np.where(present, np.exp((1 - shares) / temperature), 0)
        np.testing.assert_allclose(found, naive / naive.sum(), rtol=1e-9)


def test_labels_of_images_are_samples_too() -> None:
    images = SimpleNamespace(get_gt_labels=lambda: [0] * 3 + [2])
    sampler = RareClassSampler(images, temperature=0.5, length=8000, seed=0)
    odds = 1 / (1 + math.exp(0.5 / 0.5)), 1 / (1 + math.exp(-0.5 / 0.5))
    assert_fits(Counter(sampler), {0: odds[0] / 3, 1: odds[0] / 3, 2: odds[0] / 3, 3: odds[1]})
    assert pytest.approx(0.00149, abs=1e-5) == ENOUGH


@pytest.mark.parametrize('setting', [dict(temperature=0), dict(temperature=-1), dict(temperature=math.nan)])
def test_temperatures_without_sense_are_refused(setting: dict[str, Any], config: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r'RareClassSampler\.temperature: expected a number above 0'):
        RareClassSampler(built(config), **setting)


def test_hostile_data_sets_are_refused(config: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r'min_share: expected a number in \[0, 1\], got 3000'):
        RareClassSampler(built(config), min_share=3000)
    void = build_dataset(write_labels(tmp_path / 'void', [[0, 0, 48]] * 2))
    with pytest.raises(ValueError, match='images with classes, got 2 images without any'):
        RareClassSampler(void)
    with pytest.raises(ValueError, match="'seg_map_path' in each data info"):
        RareClassSampler(built({**config, 'data_prefix': {'img_path': 'images'}}))


def _loaded(dataset: Any, sampler: Any) -> list[tuple[int, bytes]]:
    """The indices of a stream, and the labels of their crops."""
    return [(index, SeededDataset(dataset, 3)[index, place]['gt_seg_map'].tobytes()) for index, place in sampler]


def test_resuming_goes_on_with_the_same_images_and_crops(config: dict[str, Any]) -> None:
    def stream(done: int) -> list[tuple[int, bytes]]:
        dataset = built(config)
        loader = DataLoader(dataset, batch_size=4, sampler=RareClassSampler(dataset, length=40, temperature=0.5))
        assert _is_known(loader)
        return _loaded(dataset, _positioned(loader, 7, done, by_epoch=False))

    whole = stream(10)
    assert stream(13) == whole[12:] and stream(0) != whole
    assert len({labels for _, labels in whole}) > 4


def _shares_the_stream(rank: int, config: dict[str, Any], alone: list[int]) -> None:
    dataset = build_dataset(config)
    sampler = RareClassSampler(dataset, length=40, temperature=0.5, seed=5)
    assert list(sampler) == alone[rank::2] and len(sampler) == 20


def test_two_processes_draw_what_one_would(config: dict[str, Any]) -> None:
    alone = list(RareClassSampler(build_dataset(config), length=40, temperature=0.5, seed=5))
    in_two_processes(_shares_the_stream, config, alone)


def test_crops_of_other_samplers_know_no_odds(config: dict[str, Any]) -> None:
    crop = built(config).pipeline.transforms[-1]
    assert isinstance(crop, ClassCrop) and crop.class_odds is None
