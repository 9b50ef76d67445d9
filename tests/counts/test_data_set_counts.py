"""Counting a data set: its wrappers, its provenance, and tables made before."""

from copy import deepcopy
from pathlib import Path

import numpy as np
import pytest
from hinted import hinted
from mmengine.dataset import ConcatDataset, RepeatDataset
from mmseg.datasets import ADE20KDataset, BaseSegDataset
from PIL import Image
from torch.utils.data import Subset

from ltseg.counts.data_set_counts import build_dataset, count_dataset, without_pipeline
from ltseg.counts.table import CountsTable

LABELS = ([[0, 0, 1, 2]], [[0, 0, 0, 255]])


def write_data_set(root: Path, labels: tuple = LABELS) -> None:
    for folder in ('img', 'ann'):
        (root / folder).mkdir(parents=True)
    for index, values in enumerate(labels):
        Image.new('RGB', (4, 1)).save(root / 'img' / f'{index}.jpg')
        Image.fromarray(np.array(values, dtype=np.uint8)).save(root / 'ann' / f'{index}.png')


def data_set(root: Path, **options: object) -> BaseSegDataset:
    options = {'metainfo': {'classes': ('a', 'b', 'c')}} | options
    return BaseSegDataset(data_root=str(root), data_prefix={'img_path': 'img', 'seg_map_path': 'ann'}, **options)


def test_counts_and_provenance(tmp_path: Path) -> None:
    write_data_set(tmp_path / 'data')
    table, path = count_dataset(data_set(tmp_path / 'data'))
    assert path is None
    assert table.class_names == ('a', 'b', 'c')
    assert table.counts.samples.tolist() == [5, 1, 1]
    assert table.counts.images.tolist() == [2, 1, 1]
    assert table.counts.samples_of_images.tolist() == [7, 4, 4]
    expected = {'dataset': 'BaseSegDataset', 'files': 2, 'total_pixels': 8, 'valid_pixels': 7, 'ignore_index': 255}
    assert expected.items() <= table.provenance.items()
    (part,) = table.provenance['parts']
    assert part['data_root'] == str(tmp_path / 'data')
    assert (part['reduce_zero_label'], part['label_map']) == (False, None)


def test_reduce_zero_label_of_an_mmsegmentation_data_set(tmp_path: Path) -> None:
    write_data_set(tmp_path, ([[0, 1, 150, 150]],))
    prefix = {'img_path': 'img', 'seg_map_path': 'ann'}
    table, _ = count_dataset(ADE20KDataset(data_root=str(tmp_path), data_prefix=prefix))
    assert table.counts.num_classes == 150
    assert table.counts.samples.nonzero().flatten().tolist() == [0, 149]
    assert table.counts.samples[149] == 2


def test_wrappers_count_as_they_train(tmp_path: Path) -> None:
    write_data_set(tmp_path / 'one')
    write_data_set(tmp_path / 'two', ([[2, 2, 2, 2]],))
    one, two = data_set(tmp_path / 'one'), data_set(tmp_path / 'two')
    both, _ = count_dataset(ConcatDataset([one, two]))
    assert both.counts.samples.tolist() == [5, 1, 5]
    assert [part['data_root'] for part in both.provenance['parts']] == [str(tmp_path / 'one'), str(tmp_path / 'two')]
    assert count_dataset(RepeatDataset(one, 3))[0].counts.samples.tolist() == [5, 1, 1]
    assert count_dataset(ConcatDataset([one, two, two]))[0].counts.samples.tolist() == [5, 1, 9]


def test_table_is_used_again_until_something_changes(tmp_path: Path) -> None:
    write_data_set(tmp_path / 'data')
    cache = tmp_path / 'cache'
    first, path = count_dataset(data_set(tmp_path / 'data'), cache)
    again, same = count_dataset(data_set(tmp_path / 'data'), cache)
    assert same == path
    assert again.provenance == first.provenance  # the date too: nothing was counted
    swapped, other = count_dataset(data_set(tmp_path / 'data', metainfo={'classes': ('c', 'b', 'a')}), cache)
    assert other != path
    assert swapped.class_names == ('c', 'b', 'a')
    Image.fromarray(np.array([[2, 2, 2, 2]], dtype=np.uint8)).save(tmp_path / 'data/ann/0.png')
    changed, _ = count_dataset(data_set(tmp_path / 'data'), cache)
    assert changed.counts.samples.tolist() == [3, 0, 4]
    assert len(list(cache.iterdir())) == 3


def test_a_broken_table_in_the_cache_is_counted_again(tmp_path: Path) -> None:
    write_data_set(tmp_path / 'data')
    _, path = count_dataset(data_set(tmp_path / 'data'), tmp_path / 'cache')
    path.write_text('{"half')
    table, _ = count_dataset(data_set(tmp_path / 'data'), tmp_path / 'cache')
    assert table.counts.samples.tolist() == [5, 1, 1]
    assert CountsTable.load(path).provenance == table.provenance


def test_counts_images_of_classification_data() -> None:
    class Images(list):
        metainfo = {'classes': ('cat', 'dog', 'owl')}

        def get_data_info(self, index: int) -> dict:
            return {'gt_label': self[index]}

    table, _ = count_dataset(Images([0, 2, 0]))
    for counts in (table.counts.samples, table.counts.images, table.counts.samples_of_images):
        assert counts.tolist() == [2, 0, 1]
    assert table.provenance['files'] == 3
    with pytest.raises(ValueError, match='labels of 3 classes, got 3'):
        count_dataset(Images([0, 3]))


def test_refuses_data_without_class_names_or_images(tmp_path: Path, mmseg_registered: None) -> None:
    write_data_set(tmp_path / 'data')
    with pytest.raises(ValueError, match='class names'):
        count_dataset(data_set(tmp_path / 'data', metainfo=None))
    write_data_set(tmp_path / 'none', ())
    config = {'type': 'mmseg.BaseSegDataset', 'data_root': str(tmp_path / 'none'), 'data_prefix': {'img_path': 'img'}}
    with pytest.raises(ValueError, match='BaseSegDataset.*empty data set'):
        build_dataset(config)
    write_data_set(tmp_path / 'void', ([[255, 255]],))
    with pytest.raises(ValueError, match='2 pixels, all with the ignored label'):
        count_dataset(data_set(tmp_path / 'void'))
    with pytest.raises(ValueError, match='get_data_info'):
        count_dataset([1, 2])
    whole = data_set(tmp_path / 'data')
    hinted('Count the data sets inside it.', lambda: count_dataset(Subset(whole, [0])))
    assert count_dataset(whole)[0].counts.samples.tolist() == [5, 1, 1]
    empty = data_set(tmp_path / 'data', indices=1)
    empty.get_subset_([])
    hinted('Check data_root, data_prefix, img_suffix and ann_file.', lambda: count_dataset(empty))
    hinted('Check data_root, data_prefix, img_suffix and ann_file.', lambda: build_dataset(config))


def test_counts_survive_a_cache_that_cannot_be_written(tmp_path: Path) -> None:
    write_data_set(tmp_path / 'data')
    (tmp_path / 'cache').write_text('a file where the folder should be')
    table, path = count_dataset(data_set(tmp_path / 'data'), tmp_path / 'cache')
    assert (table.counts.samples.tolist(), path) == ([5, 1, 1], None)


def test_pipelines_go_from_inner_data_sets_too() -> None:
    leaf = {'type': 'A', 'pipeline': [{'type': 'Load'}]}
    concat = {'type': 'Concat', 'datasets': [{'type': 'Wrap', 'dataset': leaf}, {'type': 'B'}]}
    config = {'type': 'Mix', 'pipeline': [{'type': 'Mosaic'}], 'dataset': concat}
    before = deepcopy(config)
    inner = [{'type': 'Wrap', 'dataset': {'type': 'A', 'pipeline': []}}, {'type': 'B', 'pipeline': []}]
    expected = {'type': 'Mix', 'pipeline': [], 'dataset': {'type': 'Concat', 'datasets': inner}}
    assert without_pipeline(config) == expected
    assert config == before


def test_a_table_is_of_one_ignored_label(tmp_path: Path) -> None:
    write_data_set(tmp_path / 'data', LABELS[:1])
    found = [
        count_dataset(data_set(tmp_path / 'data', ignore_index=ignored), tmp_path / 'cache')[0] for ignored in (255, 2)
    ]
    assert [table.counts.samples.tolist() for table in found] == [[2, 1, 1], [2, 1, 0]]
    wrapped = RepeatDataset(data_set(tmp_path / 'data', ignore_index=2), 2)
    for whole in (wrapped, ConcatDataset([data_set(tmp_path / 'data', ignore_index=2)])):
        table, _ = count_dataset(whole)
        assert (table.counts.samples.tolist(), table.provenance['ignore_index']) == ([2, 1, 0], 2)
