"""A group of classes as a data set of its own: its images, its labels, and what tells it from the whole."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hinted import hinted
from mmengine.dataset import BaseDataset
from tiny_images import write_cifar_batches

from ltseg.counts.data_set_counts import build_dataset, count_dataset
from ltseg.datasets import CIFARDataset, ClassSubset, LongTailedDataset, SeededDataset

pytestmark = pytest.mark.usefixtures('mmseg_registered')

COUNTS = [9, 2, 5, 7, 1, 3]
NAMES = tuple('abcdef')
GROUPS = {'many': (0, 3), 'medium': (2, 5), 'few': (1, 4)}
THRESHOLDS = dict(many='>= 7', few='<= 2')


class Numbered(BaseDataset):
    """Images without pixels."""

    def __init__(self, counts: list[int]) -> None:
        self.labels = np.random.default_rng(0).permutation(np.repeat(np.arange(len(counts)), counts))
        super().__init__(metainfo={'classes': NAMES[: len(counts)]}, serialize_data=False)

    def load_data_list(self) -> list[dict[str, Any]]:
        return [{'gt_label': int(label), 'number': number} for number, label in enumerate(self.labels)]


@pytest.mark.parametrize('group', GROUPS)
def test_every_image_of_the_group_and_no_other(group: str) -> None:
    inside = Numbered(COUNTS)
    part, classes = ClassSubset(inside, group, THRESHOLDS), GROUPS[group]
    expected = [number for number, label in enumerate(inside.labels) if label in classes]
    assert [info['number'] for info in map(part.get_data_info, range(len(part)))] == expected
    assert tuple(NAMES[k] for k in classes) == part.CLASSES == part.metainfo['classes']
    assert [part.CLASSES[label] for label in part.get_gt_labels()] == [NAMES[inside.labels[i]] for i in expected]
    assert [part[index]['gt_label'] for index in range(len(part))] == part.get_gt_labels().tolist()


def test_the_groups_share_all_images() -> None:
    parts = [ClassSubset(Numbered(COUNTS), group, THRESHOLDS) for group in GROUPS]
    numbers = [part.get_data_info(index)['number'] for part in parts for index in range(len(part))]
    assert sorted(numbers) == list(range(sum(COUNTS)))


def test_groups_of_test_images_are_those_of_training() -> None:
    balanced = Numbered([20] * 6)
    part = ClassSubset(balanced, 'few', THRESHOLDS, grouped_by=Numbered(COUNTS))
    assert part.CLASSES == ('b', 'e') and len(part) == 40
    assert ClassSubset(balanced, 'few', dict(many=2, medium=2, few=2)).CLASSES == ('e', 'f')  # by the order of labels


def test_samples_counts_and_batches_agree(tmp_path: Path) -> None:
    root = str(write_cifar_batches(tmp_path, per_class=8))
    inside = LongTailedDataset(CIFARDataset(data_root=root, pipeline=[dict(type='mmpretrain.PackInputs')]), 4)
    part = ClassSubset(inside, 'medium', dict(many=3, medium=4, few=3))
    labels, size = part.get_gt_labels(), len(part)
    assert size == np.isin(inside.get_gt_labels(), [3, 4, 5, 6]).sum()
    assert [part.get_cat_ids(index)[0] for index in range(size)] == labels.tolist()
    assert [int(part[index]['data_samples'].gt_label) for index in range(size)] == labels.tolist()
    order = torch.randperm(size, generator=torch.Generator().manual_seed(0)).tolist()
    for batch in (part.__getitems__(order), SeededDataset(part, 0).__getitems__([(index, 0) for index in order])):
        assert batch.samples.labels.tolist() == labels[order].tolist()
        assert torch.equal(batch[0]['inputs'], part[order[0]]['inputs'])
    table, _ = count_dataset(part)
    assert table.counts.samples.tolist() == np.bincount(labels, minlength=4).tolist()
    assert table.class_names == part.CLASSES
    assert table.provenance['fingerprint'] != count_dataset(inside)[0].provenance['fingerprint']


def test_a_config_builds_it_with_a_config_to_group_by() -> None:
    groups = dict(group='many', groups=THRESHOLDS, grouped_by=Numbered(COUNTS))
    part = build_dataset(dict(type='ltseg.ClassSubset', dataset=Numbered([4] * 6), **groups))
    assert part.CLASSES == ('a', 'd') and len(part) == 8


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match=r"ClassSubset\.group: expected one of 'many'.*Did you mean 'many'"):
        ClassSubset(Numbered(COUNTS), 'mony')  # type: ignore[arg-type]
    with pytest.raises(ValueError, match='two classes or more with many images, got 0 of 6'):
        ClassSubset(Numbered(COUNTS), 'many')  # none has more than 100
    with pytest.raises(ValueError, match='two classes or more with few images, got 1 of 6'):
        ClassSubset(Numbered(COUNTS), 'few', dict(many='> 2', few='< 2'))
    with pytest.raises(ValueError, match='groups: expected dict'):
        ClassSubset(Numbered(COUNTS), 'few', dict(many='some'))
    with pytest.raises(ValueError, match='one label of at least 0 for each image'):
        ClassSubset(Numbered(COUNTS), 'few', THRESHOLDS, grouped_by=Unlabelled())


def test_both_data_sets_name_the_same_classes() -> None:
    inside, other = Numbered(COUNTS), Numbered(COUNTS)
    other._metainfo['classes'] = NAMES[::-1]
    hinted('with the same names.', lambda: ClassSubset(inside, 'few', THRESHOLDS, grouped_by=other))
    other._metainfo['classes'] = NAMES
    ClassSubset(inside, 'few', THRESHOLDS, grouped_by=other)
    unnamed = Numbered(COUNTS)
    del unnamed._metainfo['classes']
    with pytest.raises(ValueError, match='expected names of the classes, got none'):
        ClassSubset(unnamed, 'few', THRESHOLDS)
    inside._metainfo['classes'] = NAMES[:4]
    hinted('Name all classes in metainfo.', lambda: ClassSubset(inside, 'few', THRESHOLDS))
    inside._metainfo['classes'] = NAMES
    assert len(ClassSubset(inside, 'few', THRESHOLDS)) == 3


class Unlabelled(BaseDataset):
    METAINFO = {'classes': NAMES}

    def load_data_list(self) -> list[dict[str, Any]]:
        return [{}]
