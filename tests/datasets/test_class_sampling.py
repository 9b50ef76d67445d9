"""Samplers give each class its share, each process its part, and each epoch again when asked again."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hinted import hinted
from hypothesis import given
from hypothesis import strategies as st
from mmengine.logging import MessageHub
from torch.utils.data import DataLoader

from ltseg.datasets import ClassAwareSampler, ClassBalancedSampler, PositionedSampler, RepeatFactorSampler
from ltseg.datasets.class_sampling import EXPONENTS, class_shares
from ltseg.hooks.exact_resume import _is_known, _positioned
from ltseg.registry import DATA_SAMPLERS

SIZES = (500, 100, 20, 0, 3)
SAMPLERS: list[dict[str, Any]] = [
    *({'type': 'ltseg.ClassBalancedSampler', 'mode': mode} for mode in EXPONENTS),
    {'type': 'ltseg.ClassBalancedSampler', 'mode': 'progressive', 'epochs': 8},
    {'type': 'ltseg.ClassBalancedSampler', 'exponent': 0.3, 'length': 77},
    {'type': 'ltseg.ClassAwareSampler', 'samples_per_visit': 4, 'length': 700},
    {'type': 'ltseg.RepeatFactorSampler', 'threshold': 0.1},
    {'type': 'ltseg.RareClassSampler', 'temperature': 0.1},
]
every_sampler = pytest.mark.parametrize('config', SAMPLERS, ids=lambda config: '-'.join(map(str, config.values())))


class Labelled:
    """A data set that knows its labels."""

    def __init__(self, sizes: tuple[int, ...] = SIZES) -> None:
        self.labels = np.random.default_rng(0).permutation(np.repeat(np.arange(len(sizes)), sizes))

    def get_gt_labels(self) -> np.ndarray:
        return self.labels

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> int:
        return index


class Several:
    """A data set of images with several classes."""

    classes = ([0], [0, 1], [0], [0, 2], [0, 1], [], [0], [0])

    def get_cat_ids(self, index: int) -> list[int]:
        return self.classes[index]

    def __len__(self) -> int:
        return len(self.classes)


def build(config: dict[str, Any], dataset: Any = None, seed: int = 5) -> Any:
    return DATA_SAMPLERS.build(config, default_args={'dataset': dataset or Labelled(), 'seed': seed})


def drawn(sampler: Any, epoch: int = 0) -> list[int]:
    sampler.set_epoch(epoch)
    return list(sampler)


def shares(dataset: Labelled, indices: list[int]) -> np.ndarray:
    return np.bincount(dataset.labels[indices], minlength=len(SIZES)) / len(indices)


@every_sampler
def test_epochs_are_repeatable_differ_and_have_the_length_they_say(config: dict[str, Any]) -> None:
    sampler = build(config)
    first = drawn(sampler)
    assert len(first) == len(sampler) and all(0 <= index < 623 for index in first)
    assert first != drawn(sampler, 1) and first != drawn(build(config, seed=6))
    assert first == drawn(sampler) == drawn(build(config))


@every_sampler
def test_processes_share_what_one_would_draw(config: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    parts = []
    for rank in range(3):
        monkeypatch.setattr('ltseg.datasets.class_sampling.get_dist_info', lambda rank=rank: (rank, 3))
        parts.append(drawn(build(config), 2))
    monkeypatch.undo()
    assert len({len(part) for part in parts}) == 1
    together = [index for row in zip(*parts, strict=True) for index in row]
    alone = drawn(build(config | ({'length': len(together)} if 'Repeat' not in config['type'] else {})), 2)
    assert len(together) - len(alone) in (0, 1, 2)
    if len(together) == len(alone):
        assert together == alone


@every_sampler
def test_resuming_goes_on_in_the_middle_of_an_epoch(config: dict[str, Any]) -> None:
    loader = DataLoader(Labelled(), batch_size=4, sampler=build(config))
    assert _is_known(loader)
    by_epoch = _positioned(loader, 9, 3, by_epoch=True)
    by_epoch.set_epoch(3)
    expected = drawn(build(config, seed=9), 3)
    assert [index for index, _ in by_epoch] == expected
    done = len(loader) * 3 + 5
    inside = [index for index, _ in _positioned(loader, 9, done, by_epoch=False)]
    assert inside == expected[20:]


def test_positions_do_not_repeat_over_epochs() -> None:
    sampler = PositionedSampler(build(SAMPLERS[2]))
    places = [place for _ in range(2) for _, place in sampler]
    assert places == list(range(2 * 623))


@given(st.lists(st.integers(0, 10_000), min_size=1, max_size=30).filter(any), st.floats(-2, 2))
def test_shares_are_powers_of_the_counts(counts: list[int], exponent: float) -> None:
    found = class_shares(np.array(counts), exponent)
    assert found.sum() == pytest.approx(1)
    present = np.array(counts) > 0
    assert (found[~present] == 0).all()
    logs = np.log(found[present]) - exponent * np.log(np.array(counts)[present])
    np.testing.assert_allclose(logs, logs[0], atol=1e-9)


@pytest.mark.parametrize('mode', EXPONENTS)
def test_classes_are_drawn_by_their_shares(mode: str) -> None:
    dataset = Labelled()
    sampler = ClassBalancedSampler(dataset, mode, length=40_000, seed=0)
    indices = drawn(sampler)
    expected = class_shares(np.array(SIZES), EXPONENTS[mode])
    np.testing.assert_allclose(shares(dataset, indices), expected, atol=0.01)
    own = np.bincount(indices)[dataset.labels == 2]
    np.testing.assert_allclose(own, len(indices) * expected[2] / 20, rtol=0.35)  # alike within a class


def test_instance_mode_takes_each_image_once() -> None:
    assert sorted(drawn(build(SAMPLERS[0]))) == list(range(623))


def test_progressive_goes_from_instance_to_balanced() -> None:
    dataset = Labelled()
    sampler = ClassBalancedSampler(dataset, 'progressive', epochs=4, length=40_000, seed=0)
    for epoch in range(4):
        instance, balanced = (class_shares(np.array(SIZES), exponent) for exponent in (1, 0))
        expected = (1 - epoch / 4) * instance + epoch / 4 * balanced
        np.testing.assert_allclose(shares(dataset, drawn(sampler, epoch)), expected, atol=0.01)
    with pytest.raises(ValueError, match=r'epochs.*more than 4.*got 4'):
        drawn(sampler, 4)
    hinted("Set the sampler's epochs to the number of passes over the data.", lambda: drawn(sampler, 4))
    assert len(drawn(ClassBalancedSampler(dataset, 'progressive', epochs=5, length=40, seed=0), 4)) == 40


def test_progressive_takes_its_length_from_the_runner() -> None:
    sampler = ClassBalancedSampler(Labelled(), 'progressive', seed=0)
    hub = MessageHub.get_current_instance()
    hub.update_info('max_epochs', 10)
    sampler.set_epoch(5)
    np.testing.assert_allclose(sampler.shares[1], (100 / 623 + 1 / 4) / 2)
    hub.pop_info('max_epochs')
    with pytest.raises(ValueError, match='number of passes'):
        drawn(sampler, 5)


def test_class_aware_visits_all_classes_and_images_alike() -> None:
    dataset = Labelled()
    sampler = ClassAwareSampler(dataset, seed=0)
    indices = np.array(drawn(sampler))
    assert len(indices) == 500 * 4
    for start in range(0, len(indices), 4):  # one round of the classes that have images
        assert sorted(dataset.labels[indices[start : start + 4]]) == [0, 1, 2, 4]
    times = np.bincount(indices, minlength=623)
    for label, size in enumerate(SIZES):
        own = times[dataset.labels == label]
        assert size == 0 or own.max() - own.min() <= 1
    visit = dataset.labels[drawn(ClassAwareSampler(dataset, samples_per_visit=4, seed=0))]
    assert all(len(set(visit[start : start + 4])) == 1 for start in range(0, len(visit), 4))


def test_repeat_factors_are_those_of_the_paper() -> None:
    sampler = RepeatFactorSampler(Several(), threshold=0.5, seed=0)
    shares = {0: 7 / 8, 1: 2 / 8, 2: 1 / 8}
    expected = [max((max(1, np.sqrt(0.5 / shares[c])) for c in own), default=1) for own in Several.classes]
    np.testing.assert_allclose(sampler.repeats, expected)
    times = np.zeros(8)
    for epoch in range(2000):
        now = np.bincount(drawn(sampler, epoch), minlength=8)
        scale = len(sampler) / sampler.repeats.sum()
        assert (now >= np.floor(sampler.repeats)).all() and (now <= np.ceil(sampler.repeats * scale)).all()
        times += now / 2000
    np.testing.assert_allclose(times, sampler.repeats * scale, atol=0.05)


def test_a_small_threshold_repeats_nothing() -> None:
    assert sorted(drawn(RepeatFactorSampler(Labelled(), threshold=1e-3, seed=0))) == list(range(623))


@pytest.mark.parametrize(
    'config',
    [
        {'type': 'ltseg.ClassBalancedSampler', 'mode': 'inverse'},
        {'type': 'ltseg.ClassBalancedSampler', 'mode': 'progressive', 'exponent': 0.5},
        {'type': 'ltseg.ClassAwareSampler', 'samples_per_visit': 0},
        {'type': 'ltseg.RepeatFactorSampler', 'threshold': 0},
    ],
)
def test_settings_without_sense_are_refused(config: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match='Sampler'):
        build(config)


def test_images_without_labels_are_refused() -> None:
    class Unlabelled:
        def get_gt_labels(self) -> np.ndarray:
            return np.array([0, -1, 2])

        def __len__(self) -> int:
            return 3

    with pytest.raises(ValueError, match='Unlabelled: expected one label'):
        ClassBalancedSampler(Unlabelled(), seed=0)
    with pytest.raises(ValueError, match='get_cat_ids'):
        RepeatFactorSampler([1, 2], seed=0)
    hinted(
        'Give it get_cat_ids(index), which lists the classes of an image', lambda: RepeatFactorSampler([1, 2], seed=0)
    )
    assert len(RepeatFactorSampler(Several(), seed=0)) >= len(Several())  # of images with a list of classes


@every_sampler
def test_without_a_seed_all_processes_draw_one(config: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr('ltseg.datasets.class_sampling.sync_random_seed', lambda: 7)
    assert drawn(build(config, seed=None)) == drawn(build(config, seed=7)) != drawn(build(config, seed=0))


def test_an_epoch_is_not_that_of_the_next_seed() -> None:
    assert drawn(build(SAMPLERS[0], seed=5), 1) != drawn(build(SAMPLERS[0], seed=6), 0)


@pytest.mark.parametrize('setting', [{'length': -5}, {'length': 0}, {'length': 2.5}, {'seed': -1}])
def test_lengths_and_seeds_are_checked(setting: dict) -> None:
    images = SimpleNamespace(get_gt_labels=lambda: [0, 0, 1])
    with pytest.raises(ValueError, match=f'ClassAwareSampler.{next(iter(setting))}'):
        ClassAwareSampler(images, **setting)


def test_several_labels_in_a_wrapper_are_refused() -> None:
    inside = SimpleNamespace(get_data_info=lambda index: {'gt_label': [0, 1] if index else [1]}, __len__=lambda: 2)
    images = type('Images', (list,), {'get_data_info': lambda self, index: inside.get_data_info(index)})([0, 1])
    with pytest.raises(ValueError, match='one label of at least 0 for each image'):
        ClassBalancedSampler(images)
