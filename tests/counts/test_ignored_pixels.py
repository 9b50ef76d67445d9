"""What a count has ignored is said with its values, and what it does to classes with its cause."""

from pathlib import Path

import pytest
import torch
from hinted import hinted
from mmseg.datasets import BaseSegDataset
from plain_segmentation import stripes, write_images

from ltseg.counts.class_counts import ClassCounts
from ltseg.counts.data_set_counts import count_dataset
from ltseg.counts.ignored_pixels import cause_of_empty_classes, describe_ignored
from ltseg.counts.sources import build_counts
from ltseg.counts.table import CountsTable


def known(ignored: dict[int, int], reduced: bool = False, total: int = 1000) -> dict:
    values = {str(value): pixels for value, pixels in ignored.items()}
    return {'total_pixels': total, 'ignored_values': values, 'parts': [{'reduce_zero_label': reduced}]}


def test_share_and_values() -> None:
    assert describe_ignored(known({})) == 'Ignored: none of 1,000 pixels.'
    said = describe_ignored(known({255: 100, 0: 431}))
    assert said == 'Ignored: 53.1% of 1,000 pixels: value 0 (43.1%), value 255 (10.0%).'
    assert describe_ignored(known(dict.fromkeys(range(7), 10))).endswith('value 4 (1.0%) and 2 more.')
    assert describe_ignored({'files': 3}) == ''


def test_a_table_of_an_earlier_version_says_the_share() -> None:
    earlier = {'total_pixels': 1000, 'valid_pixels': 400, 'ignore_index': 255}
    assert describe_ignored(earlier) == 'Ignored: 60.0% of 1,000 pixels: value 255 (60.0%).'
    assert describe_ignored({**earlier, 'valid_pixels': 1000}) == 'Ignored: none of 1,000 pixels.'


@pytest.mark.parametrize(
    ('empty', 'names', 'provenance', 'part'),
    [
        ([1], 'ab', known({255: 1}), 'Save them with 0 and 1'),
        ([2], 'abc', known({0: 1}, reduced=True), 'set reduce_zero_label=False'),
        ([1], 'ab', known({0: 1}, reduced=True), 'set reduce_zero_label=False'),
        ([1, 2], 'abc', known({255: 200}), 'Check ignore_index, reduce_zero_label and label_map'),
        ([1], 'abc', known({255: 1}), "If the value 255 in the files is 'b', save it as 1, or use a data set whose"),
        ([2], 'abc', known({255: 1}), 'get_label_map returns {255: 2}.'),
        ([2], 'abc', known({255: 1}, reduced=True), 'Check ignore_index'),
        ([1], 'abc', known({0: 200}, reduced=True), 'Check ignore_index'),
        ([0], 'ab', known({255: 200}), "'a', save it as 0"),
        ([1], 'abc', known({255: 150, 7: 49}), ''),
        ([1], 'abc', known({255: 150, 7: 50}), 'Check ignore_index'),
        ([1], 'abc', known({0: 199}, reduced=True), ''),
        ([], 'ab', known({255: 900}), ''),
        ([1], 'ab', known({}), ''),
        ([1], 'ab', {'files': 3}, ''),
    ],
)
def test_cause(empty: list[int], names: str, provenance: dict, part: str) -> None:
    found = cause_of_empty_classes(empty, names, provenance)
    assert part in found and bool(found) == bool(part)


def test_the_ignored_class_of_a_table_counts_as_the_most_frequent() -> None:
    counts = ClassCounts(torch.tensor([0, 5, 9]), torch.tensor([0, 3, 2]), torch.tensor([0, 14, 11]))
    table = CountsTable(counts, ('void', 'a', 'b'), {'ignore_index': 0})
    assert (table.ignored_class, table.empty_classes) == (0, [])
    assert [column.tolist() for column in (table.learned.samples, table.learned.images)] == [[9, 5, 9], [2, 3, 2]]
    assert table.learned.samples_of_images.tolist() == [11, 14, 11]
    assert table.counts.samples.tolist() == [0, 5, 9]
    source = build_counts('dataset')
    source.fill(table)
    assert source(torch.zeros(1, dtype=torch.int64), 3).samples.tolist() == [9, 5, 9]


@pytest.mark.parametrize('label', [255, 1, None, 'x'])
def test_without_an_ignored_class_the_counts_stay(label: object) -> None:
    table = CountsTable(ClassCounts.from_list([0, 5, 9]), ('void', 'a', 'b'), {'ignore_index': label})
    assert table.ignored_class is None and table.empty_classes == [0] and table.learned is table.counts


def test_a_label_map_that_is_right_ignores_no_class(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_images(tmp_path, stripes((0.6, 0.4), (0, 7)), ('train',))

    def cause(label_map: dict[int, int]) -> str:
        monkeypatch.setattr(BaseSegDataset, 'get_label_map', lambda *_: label_map)
        folders = {'img_path': 'img/train', 'seg_map_path': 'ann/train'}
        made = BaseSegDataset(data_root=str(tmp_path), data_prefix=folders, metainfo={'classes': ('a', 'b', 'c')})
        table, _ = count_dataset(made)
        return cause_of_empty_classes(table.empty_classes, table.class_names, table.provenance)

    hinted('Check ignore_index, reduce_zero_label and label_map of the data sets.', lambda: cause({7: 255}))
    assert not cause({7: 1})
