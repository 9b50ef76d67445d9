"""Data sets are found inside wrappers of wrappers of wrappers, in configs and built."""

from copy import deepcopy

import pytest
from mmengine.config import ConfigDict
from mmengine.dataset import BaseDataset, ClassBalancedDataset, ConcatDataset, RepeatDataset
from mmengine.registry import DATASETS

from ltseg.datasets.exact_sampling import SeededDataset
from ltseg.nested_datasets import (
    all_datasets,
    dataset_classes,
    dataset_config,
    innermost_configs,
    innermost_datasets,
)

A, B, C = ({'type': name, 'data_root': name.lower()} for name in 'ABC')
THREE_DEEP = {
    'type': 'MultiImageMixDataset',
    'pipeline': ['mix'],
    'dataset': {
        'type': 'ConcatDataset',
        'datasets': [
            {'type': 'RepeatDataset', 'times': 2, 'dataset': {'type': 'ltseg.LongTailedDataset', 'dataset': A}},
            B,
            {'type': 'ConcatDataset', 'datasets': [C]},
        ],
    },
}


class Images(BaseDataset):
    """Numbers with a class each."""

    METAINFO = {'classes': ('cat', 'dog')}

    def load_data_list(self) -> list[dict]:
        return [{'gt_label': label} for label in (0, 1, 1)]

    def get_cat_ids(self, idx: int) -> list[int]:
        return [self.get_data_info(idx)['gt_label']]


@pytest.mark.parametrize('kind', [dict, ConfigDict])
def test_configs_inside_wrappers_come_in_order_and_are_changed_in_place(kind: type) -> None:
    config = kind(deepcopy(THREE_DEEP))
    found = list(innermost_configs(config))
    assert found == [A, B, C]
    for each in found:
        each['data_root'] = 'new'
    assert str(config).count("'new'") == 3 and "'a'" not in str(config)


def test_all_of_a_config_has_wrappers_before_what_they_hold() -> None:
    names = [each['type'] for each in all_datasets(THREE_DEEP)]
    wrappers = ['MultiImageMixDataset', 'ConcatDataset', 'RepeatDataset', 'ltseg.LongTailedDataset']
    assert names == [*wrappers, 'A', 'B', 'ConcatDataset', 'C']


def test_what_is_no_config_is_left_out() -> None:
    assert list(innermost_configs(None)) == []
    assert list(innermost_configs(A)) == [A]
    built = Images(serialize_data=False)
    mixed = {'type': 'ConcatDataset', 'datasets': [built, {'type': 'RepeatDataset', 'dataset': A}]}
    assert list(innermost_configs(mixed)) == [A]
    assert list(innermost_configs({'type': 'RepeatDataset', 'dataset': built})) == []


def test_built_data_sets_inside_wrappers() -> None:
    first, second, third = (dict(type=Images, data_root=root) for root in 'abc')
    balanced = dict(type=ClassBalancedDataset, oversample_thr=0.1, dataset=first)
    both = dict(type=ConcatDataset, datasets=[dict(type=RepeatDataset, times=2, dataset=balanced), second])
    deep = DATASETS.build(dict(type=ConcatDataset, datasets=[dict(type=RepeatDataset, times=3, dataset=both), third]))
    for whole in (deep, SeededDataset(deep, 0)):
        found = list(innermost_datasets(whole))
        assert [(type(each), each.data_root) for each in found] == [(Images, 'a'), (Images, 'b'), (Images, 'c')]
    assert list(innermost_datasets(found[0])) == [found[0]]


def test_an_empty_data_set_inside_a_wrapper_is_found() -> None:
    """Its truth value is False, as it has no images."""

    class Wrapper:
        def __init__(self, dataset: object) -> None:
            self.dataset = dataset

    empty: list = []
    (found,) = innermost_datasets(Wrapper(Wrapper(empty)))
    assert found is empty


def test_the_config_of_a_split() -> None:
    config = {'train_dataloader': {'dataset': A}, 'val_dataloader': None, 'test_dataloader': {'batch_size': 1}}
    assert dataset_config(config, 'train') is A
    assert [dataset_config(config, split) for split in ('val', 'test', 'other')] == [None] * 3
    assert dataset_config({'train_dataloader': {'dataset': Images(serialize_data=False)}}, 'train') is None


def test_names_of_classes_come_through_wrappers() -> None:
    images = Images(serialize_data=False)
    assert dataset_classes(images) == dataset_classes(RepeatDataset(images, 2)) == ('cat', 'dog')
    for unknown in (None, [], Images(metainfo={'classes': None}, serialize_data=False)):
        assert dataset_classes(unknown) == ()
