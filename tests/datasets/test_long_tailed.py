"""Long-tailed parts have the published sizes, can be chosen again, and serve MMPretrain's wrappers and tools."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mmengine.dataset import BaseDataset, ClassBalancedDataset, RepeatDataset
from tiny_images import write_cifar_batches

from ltseg.counts.data_set_counts import build_dataset, count_dataset
from ltseg.datasets import LongTailedDataset
from ltseg.datasets.profiles import PROFILES, profile_counts

NAMES = tuple('abcdefghij')


class Numbered(BaseDataset):
    """Images without pixels, classes taking turns."""

    def __init__(self, num_classes: int = 10, per_class: int = 50) -> None:
        self.labels = np.arange(num_classes * per_class) % num_classes
        names = NAMES if num_classes == 10 else tuple(map(str, range(num_classes)))
        super().__init__(metainfo={'classes': names}, serialize_data=False)

    def load_data_list(self) -> list[dict[str, Any]]:
        return [{'gt_label': int(label), 'number': number} for number, label in enumerate(self.labels)]


def sizes(dataset: LongTailedDataset) -> list[int]:
    return np.bincount(dataset.get_gt_labels(), minlength=len(dataset.CLASSES)).tolist()


@pytest.mark.parametrize(
    ('factor', 'cifar10', 'cifar100'),
    [(10, 20431, 19573), (50, 13996, 12608), (100, 12406, 10847), (200, 11203, 9502)],
)
def test_totals_are_the_published_ones(factor: float, cifar10: int, cifar100: int) -> None:
    assert sum(profile_counts('exponential', 10, 5000, factor)) == cifar10
    assert sum(profile_counts('exponential', 100, 500, factor)) == cifar100
    assert sum(profile_counts('exponential', 10, 5000, int(factor))) == cifar10


def test_a_wrapped_data_set_has_these_totals() -> None:
    dataset = LongTailedDataset(Numbered(10, 5000), imbalance_factor=100)
    assert len(dataset) == 12406
    assert sizes(dataset) == [5000, 2997, 1796, 1077, 645, 387, 232, 139, 83, 50]


@given(st.sampled_from(PROFILES), st.integers(2, 300), st.integers(500, 6000), st.floats(1, 400), st.floats(0.3, 20))
def test_profiles_fall_from_the_largest_to_the_factor(
    profile: str, num_classes: int, largest: int, factor: float, power: float
) -> None:
    counts = profile_counts(profile, num_classes, largest, factor, power)
    assert len(counts) == num_classes
    assert counts == sorted(counts, reverse=True)
    assert counts[0] == largest
    assert counts[-1] in (int(largest / factor), int(largest / factor + 1e-6))
    assert profile_counts(profile, num_classes, largest, 1) == [largest] * num_classes


def test_step_halves_the_classes_and_pareto_is_about_imagenet_lt() -> None:
    assert profile_counts('step', 5, 100, 50) == [100, 100, 100, 2, 2]
    pareto = profile_counts('pareto', 1000, 1280, 256, power=6)
    assert (pareto[0], pareto[-1]) == (1280, 5)
    assert sum(pareto) == pytest.approx(115_846, rel=0.06)


@pytest.mark.parametrize(
    'arguments', [('exponential', 10, 50, 100.0), ('linear', 10, 50, 2), ('step', 1, 50, 2), ('step', 10, 50, 0.5)]
)
def test_profiles_without_sense_are_refused(arguments: tuple) -> None:
    with pytest.raises(ValueError, match='profile_counts'):
        profile_counts(*arguments)


def test_a_larger_factor_keeps_a_part_of_what_a_smaller_one_keeps() -> None:
    kept = {factor: LongTailedDataset(Numbered(), factor).indices for factor in (2, 5, 50)}
    assert set(kept[50]) < set(kept[5]) < set(kept[2])


def test_the_choice_depends_on_the_seed_alone() -> None:
    chosen = [LongTailedDataset(Numbered(), 10, seed=seed).indices for seed in (0, 0, 1)]
    np.testing.assert_array_equal(chosen[0], chosen[1])
    assert not np.array_equal(chosen[0], chosen[2])


@pytest.mark.parametrize('order', [list(range(9, -1, -1)), NAMES[::-1]])
def test_classes_may_come_in_another_order(order: Any) -> None:
    ordinary, turned = LongTailedDataset(Numbered(), 10), LongTailedDataset(Numbered(), 10, class_order=order)
    assert sizes(turned) == sizes(ordinary)[::-1]
    assert [turned[i]['gt_label'] for i in range(len(turned))] == turned.get_gt_labels().tolist()


@pytest.mark.parametrize('order', [[0, 1], [*range(9), 'z'], [*range(9), 8]])
def test_an_order_that_is_none_is_refused(order: list) -> None:
    with pytest.raises(ValueError, match='class_order'):
        LongTailedDataset(Numbered(), 10, class_order=order)


def test_a_class_with_too_few_images_is_named() -> None:
    with pytest.raises(ValueError, match=r"60 images of the class 'a', place 0.*got 50"):
        LongTailedDataset(Numbered(), 10, largest=60)


def test_an_imbalance_factor_is_needed() -> None:
    with pytest.raises(ValueError, match=r'imbalance_factor.*got None'):
        LongTailedDataset(Numbered())


def test_chosen_indices_are_saved_and_read_again(tmp_path: Path) -> None:
    path = tmp_path / 'lists/indices.json'
    first = LongTailedDataset(Numbered(), 10, seed=3, indices_file=path)
    content = json.loads(path.read_text())
    assert content['indices'] == first.indices.tolist() and content['settings']['seed'] == 3
    content['indices'][0] += 10  # another image of the same class: proves that the file decides
    path.write_text(json.dumps(content))
    for settings in ({'imbalance_factor': 10, 'seed': 3}, {}):
        again = LongTailedDataset(Numbered(), indices_file=path, **settings)
        assert again.indices.tolist() == content['indices']
        assert sizes(again) == sizes(first)


def test_indices_of_other_settings_or_data_are_refused(tmp_path: Path) -> None:
    path = tmp_path / 'indices.json'
    LongTailedDataset(Numbered(), 10, indices_file=path)
    with pytest.raises(ValueError, match=r'imbalance_factor=20.*got 10'):
        LongTailedDataset(Numbered(), 20, indices_file=path)
    with pytest.raises(ValueError, match=r"indices\.json.*'images': 400"):
        LongTailedDataset(Numbered(per_class=40), indices_file=path)
    content = json.loads(path.read_text())
    for fault in ({'indices': [500]}, {'indices': []}, {'indices': 'x'}, {'format': 'another'}):
        path.write_text(json.dumps(content | fault))
        with pytest.raises(ValueError, match=r'indices\.json'):
            LongTailedDataset(Numbered(), indices_file=path)
    path.write_text('{')
    with pytest.raises(ValueError, match=r'indices\.json'):
        LongTailedDataset(Numbered(), indices_file=path)


def test_samples_infos_and_labels_agree_with_the_data_set_inside() -> None:
    inside = Numbered()
    dataset = LongTailedDataset(inside, 10)
    for index in (0, 5, len(dataset) - 1):
        place = dataset.indices[index]
        assert dataset[index]['number'] == dataset.get_data_info(index)['number'] == place
        assert dataset.get_cat_ids(index) == [inside.labels[place]] == [dataset.get_gt_labels()[index]]
    assert dataset.metainfo == inside.metainfo


def test_wrappers_of_mmengine_take_it() -> None:
    config = {'type': 'ltseg.LongTailedDataset', 'dataset': Numbered(), 'imbalance_factor': 10}
    ordinary = LongTailedDataset(Numbered(), 10)
    repeated = RepeatDataset(config, 2)
    assert len(repeated) == 2 * len(ordinary)
    table, _ = count_dataset(repeated)
    assert table.counts.samples.tolist() == [2 * size for size in sizes(ordinary)]
    balanced = ClassBalancedDataset(config, oversample_thr=0.1)
    labels = [balanced.get_cat_ids(index)[0] for index in range(len(balanced))]
    assert np.bincount(labels)[0] == sizes(ordinary)[0] and np.bincount(labels)[-1] > sizes(ordinary)[-1]


def test_counting_goes_through_the_wrapper_from_a_config(tmp_path: Path) -> None:
    root = write_cifar_batches(tmp_path, per_class=20)
    inner = {'type': 'ltseg.CIFARDataset', 'data_root': str(root), 'pipeline': [{'type': 'PackInputs'}]}
    dataset = build_dataset({'type': 'ltseg.LongTailedDataset', 'dataset': inner, 'imbalance_factor': 10})
    table, path = count_dataset(dataset, tmp_path / 'counts')
    assert table.counts.samples.tolist() == profile_counts('exponential', 10, 20, 10)
    assert path is not None and path.is_file()
    assert table.provenance['parts'][0]['data_root'] == str(root)


def test_it_wraps_data_sets_of_mmpretrain(tmp_path: Path) -> None:
    from mmpretrain.datasets import CustomDataset

    lines = [f'{number}.jpg {number % 4}' for number in range(40)]
    (tmp_path / 'list.txt').write_text('\n'.join(lines))
    reference = CustomDataset(str(tmp_path), ann_file='list.txt', with_label=True, classes=list('abcd'))
    assert sizes(LongTailedDataset(reference, 10)) == [10, 4, 2, 1]


def test_each_class_has_an_order_of_its_own() -> None:
    dataset = LongTailedDataset(Numbered(), 5, profile='step')
    kept = [set((dataset.indices[dataset.get_gt_labels() == label] // 10).tolist()) for label in range(5, 10)]
    assert all(len(places) == 10 for places in kept) and len({frozenset(places) for places in kept}) == 5


@pytest.mark.parametrize(
    'changed',
    [
        {'profile': 'step'},
        {'profile': 'pareto', 'power': 2.0},
        {'largest': 40},
        {'class_order': NAMES[::-1]},
        {'seed': 1},
    ],
)
def test_indices_of_any_other_setting_are_refused(tmp_path: Path, changed: dict[str, Any]) -> None:
    path = tmp_path / 'indices.json'
    LongTailedDataset(Numbered(), 10, **({'profile': 'pareto'} if 'power' in changed else {}), indices_file=path)
    with pytest.raises(ValueError, match=f'indices made with {list(changed)[-1]}='):
        LongTailedDataset(Numbered(), 10, **changed, indices_file=path)


def test_the_first_process_alone_writes_the_indices(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr('ltseg.datasets.long_tailed.is_main_process', lambda: False)
    LongTailedDataset(Numbered(), 10, indices_file=tmp_path / 'indices.json')
    assert not list(tmp_path.iterdir())
