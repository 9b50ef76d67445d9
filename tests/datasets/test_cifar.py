"""CIFAR is the same from every layout, and faults name the file."""

import io
import os
import pickle
import shutil
import tracemalloc
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hinted import hinted
from PIL import Image
from tiny_images import cifar_pixels, write_cifar_batches, write_cifar_tree, zipped
from torch.utils.data import DataLoader

from ltseg.counts.data_set_counts import build_dataset, count_dataset
from ltseg.datasets import CIFARDataset, LongTailedDataset, SeededDataset
from ltseg.datasets.cifar import OFFICIAL


def keep(results: dict[str, Any]) -> dict[str, Any]:
    return results


def cifar(root: Path, split: str = 'train', num_classes: int = 10, **settings: Any) -> CIFARDataset:
    return CIFARDataset(split, num_classes, data_root=str(root), **{'pipeline': [keep], **settings})


def contents(dataset: CIFARDataset) -> list[tuple[int, bytes]]:
    return sorted((dataset[index]['gt_label'], dataset[index]['img'].tobytes()) for index in range(len(dataset)))


@pytest.mark.parametrize('split', ['train', 'test'])
@pytest.mark.parametrize('num_classes', [10, 100])
def test_batches_tree_and_zip_hold_the_same(tmp_path: Path, num_classes: int, split: str) -> None:
    per_class = 3 if num_classes == 10 else 1
    batches = cifar(write_cifar_batches(tmp_path / 'batches', num_classes, per_class), split, num_classes)
    tree = write_cifar_tree(tmp_path / 'tree', num_classes, per_class)
    expected = contents(batches)
    assert len(expected) == num_classes * per_class
    assert [label for label, _ in expected] == sorted(list(range(num_classes)) * per_class)
    for root in (tree, zipped(tree)):
        assert contents(cifar(root, split, num_classes)) == expected
    np.testing.assert_array_equal(batches[4]['img'], cifar_pixels(5, split == 'test')[4])


def test_the_batches_themselves_may_be_the_data_root(tmp_path: Path) -> None:
    root = write_cifar_batches(tmp_path)
    assert contents(cifar(root / 'cifar-10-batches-py')) == contents(cifar(root))


def test_gives_what_mmpretrains_reader_gives(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from mmpretrain.datasets import CIFAR10

    monkeypatch.setattr(CIFAR10, '_check_integrity', lambda self: True)
    root = write_cifar_batches(tmp_path)
    ours, theirs = cifar(root), CIFAR10(str(root), metainfo={'classes': OFFICIAL[10]}, pipeline=[keep])
    assert ours.metainfo['classes'] == CIFAR10.METAINFO['classes']
    assert len(ours) == len(theirs) == 20
    for index in range(20):
        np.testing.assert_array_equal(ours[index]['img'], theirs[index]['img'])
        assert ours[index]['gt_label'] == theirs[index]['gt_label']
    np.testing.assert_array_equal(ours.get_gt_labels(), theirs.get_gt_labels())
    assert ours.get_cat_ids(3) == theirs.get_cat_ids(3) == [3]


def test_hundred_names_are_those_of_mmpretrain() -> None:
    from mmpretrain.datasets import CIFAR100

    assert OFFICIAL[100] == tuple(CIFAR100.METAINFO['classes'])


def test_labels_follow_the_order_of_the_classes(tmp_path: Path) -> None:
    order = OFFICIAL[10][::-1]
    for root in (write_cifar_batches(tmp_path / 'batches'), write_cifar_tree(tmp_path / 'tree')):
        turned = contents(cifar(root, metainfo={'classes': order}))
        assert turned == sorted((9 - label, pixels) for label, pixels in contents(cifar(root)))
    with pytest.raises(ValueError, match='10 official names'):
        cifar(tmp_path / 'tree', metainfo={'classes': ('cat', 'dog')})


def test_a_part_of_the_indices_keeps_images_and_labels_together(tmp_path: Path) -> None:
    root = write_cifar_batches(tmp_path)
    whole, part = cifar(root), cifar(root, indices=[7, 12])
    assert contents(part) == sorted((whole[i]['gt_label'], whole[i]['img'].tobytes()) for i in (7, 12))


def test_counting_decodes_nothing_and_training_names_the_broken_file(tmp_path: Path) -> None:
    root = write_cifar_tree(tmp_path, suffix='.jpg')
    broken = root / 'train/cat/0001.jpg'
    broken.write_bytes(broken.read_bytes()[:-300])
    dataset = build_dataset(
        {'type': 'ltseg.CIFARDataset', 'data_root': str(root), 'pipeline': [{'type': 'PackInputs'}]}
    )
    table, _ = count_dataset(dataset)
    assert table.counts.samples.tolist() == [2] * 10 and table.class_names == OFFICIAL[10]
    with pytest.raises(ValueError, match=r'cat/0001\.jpg: expected a whole file.*cut off'):
        cifar(root)


@pytest.mark.parametrize('num_classes', [10, 100])
def test_missing_data_is_one_message_with_folder_source_and_layout(tmp_path: Path, num_classes: int) -> None:
    root = tmp_path / 'nothing'
    with pytest.raises(FileNotFoundError) as caught:
        cifar(root, num_classes=num_classes)
    for part in (str(root), f'CIFAR-{num_classes}', 'cs.toronto.edu', 'cifar-10-batches-py', '<class>', '--data-root'):
        assert part in str(caught.value)
    hinted('Download the Python version from', str(caught.value))
    per_class = 3 if num_classes == 10 else 1
    zip_file = zipped(write_cifar_tree(tmp_path / 'tree', num_classes, per_class))
    for made in (write_cifar_batches(root, num_classes, per_class), tmp_path / 'tree', zip_file):
        assert len(cifar(made, num_classes=num_classes)) == num_classes * per_class


def test_a_missing_batch_is_named(tmp_path: Path) -> None:
    root = write_cifar_batches(tmp_path)
    (root / 'cifar-10-batches-py/data_batch_3').unlink()
    with pytest.raises(FileNotFoundError, match='data_batch_3'):
        cifar(root)
    hinted('Unpack it again from the archive of https://www.cs.toronto.edu/~kriz/cifar.html.', lambda: cifar(root))
    assert len(cifar(root, 'test')) == 20
    shutil.rmtree(root / 'cifar-10-batches-py')
    assert len(cifar(write_cifar_batches(root))) == 20


def test_folders_that_are_no_classes_are_named(tmp_path: Path) -> None:
    root = write_cifar_tree(tmp_path)
    (root / 'train/cat').rename(root / 'train/kitten')
    with pytest.raises(ValueError, match=r"1 missing \['cat'\], 1 of no class \['kitten'\]"):
        cifar(root)


def test_a_picture_of_another_size_is_named(tmp_path: Path) -> None:
    root = write_cifar_tree(tmp_path)
    Image.fromarray(np.zeros((32, 31, 3), np.uint8)).save(root / 'train/dog/0000.png')
    with pytest.raises(ValueError, match=r'dog/0000\.png: expected a picture of 32 x 32.*32 x 31'):
        cifar(root)


class Harmful:
    """What calls a function when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple:
        return os.mkdir, (str(self.path),)


def test_a_batch_that_is_none_is_named_and_calls_nothing(tmp_path: Path) -> None:
    root = write_cifar_batches(tmp_path)
    batch = root / 'cifar-10-batches-py/data_batch_2'
    whole = batch.read_bytes()
    for content in (
        pickle.dumps(Harmful(tmp_path / 'made')),
        whole[:1000],
        pickle.dumps({'data': np.zeros((2, 3072), np.uint8), 'labels': [1]}),
        pickle.dumps({'data': np.zeros((1, 3072), np.uint8), 'labels': [10]}),
    ):
        batch.write_bytes(content)
        with pytest.raises(ValueError, match='data_batch_2'):
            cifar(root)
        hinted('Unpack it again from the archive of https://www.cs.toronto.edu/~kriz/cifar.html.', lambda: cifar(root))
    batch.write_bytes(whole)
    assert len(cifar(root)) == 20
    assert not (tmp_path / 'made').exists()


def picture_in_zip(folder: Path, content: bytes, **how: Any) -> Path:
    """A zip file of CIFAR's pictures in which one has another content."""
    path = zipped(write_cifar_tree(folder / 'tree'))
    with zipfile.ZipFile(path, 'a') as archive:
        archive.writestr('train/cat/zzz.png', content, **how)
    return path


def test_what_grows_is_refused_before_it_does(tmp_path: Path) -> None:
    """A small zip file can hold a very large file, and a small file can be a very large picture."""
    large, png = 2 * 10**8, io.BytesIO()
    Image.new('L', (12_000, 10_000)).save(png, 'png')
    for name, content, message in (
        ('file', bytes(large), f'at most 1,048,576 bytes, got {large:,}'),
        ('picture', png.getvalue(), 'a picture of 32 x 32, got 10000 x 12000'),
    ):
        path = picture_in_zip(tmp_path / name, content, compress_type=zipfile.ZIP_DEFLATED)
        assert path.stat().st_size < 10**6
        tracemalloc.start()
        try:
            with pytest.raises(ValueError, match=rf'zzz\.png: expected {message}'):
                cifar(path)
            assert tracemalloc.get_traced_memory()[1] < 20 * 10**6
        finally:
            tracemalloc.stop()


class Calls:
    def __init__(self, function: Any, *arguments: Any) -> None:
        self.function, self.arguments = function, arguments

    def __reduce__(self) -> tuple:
        return self.function, self.arguments


@pytest.mark.parametrize('kind', ['u1', 'f8'])
def test_a_batch_is_no_larger_than_its_file(kind: str, tmp_path: Path) -> None:
    (tmp_path / 'cifar-10-batches-py').mkdir()
    data = Calls(np.ndarray, (10**6, 3072), np.dtype(kind))
    (tmp_path / 'cifar-10-batches-py/test_batch').write_bytes(pickle.dumps({'data': data, 'labels': [0]}))
    with pytest.raises(ValueError, match='test_batch.*larger than the file'):
        cifar(tmp_path, 'test')


@pytest.mark.parametrize('method', [99, 'encrypted', 'cut'])
def test_a_picture_in_a_zip_file_that_cannot_be_read_is_named(method: int | str, tmp_path: Path) -> None:
    path = picture_in_zip(tmp_path, bytes(3000))
    content = bytearray(path.read_bytes())
    header = content.rindex(b'PK\x01\x02')  # in the directory at the end
    if method == 'encrypted':
        content[header + 8] |= 1
    elif method == 'cut':
        content[content.rindex(b'zzz.png', 0, header) + 100] ^= 1  # in the bytes that the checksum is of
    else:
        content[header + 10] = method  # of compression
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r'zzz\.png: expected a file that can be read'):
        cifar(path)


def test_a_broken_zip_file_is_named(tmp_path: Path) -> None:
    path = zipped(write_cifar_tree(tmp_path / 'tree'))
    path.write_bytes(path.read_bytes()[:-50])
    with pytest.raises((ValueError, FileNotFoundError), match=r'tree\.zip'):
        cifar(path)


@pytest.mark.parametrize('damage', ['bomb', 'checksum'])
def test_a_picture_in_a_zip_file_is_looked_at_before_it_is_unpacked(tmp_path: Path, damage: str) -> None:
    path = zipped(write_cifar_tree(tmp_path / 'tree'))
    with zipfile.ZipFile(path) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    broken = next(name for name in sorted(content) if 'train' in name and name.endswith(('.png', '.jpg')))
    with zipfile.ZipFile(path, 'w', zipfile.ZIP_DEFLATED if damage == 'bomb' else zipfile.ZIP_STORED) as archive:
        for name, value in content.items():
            archive.writestr(name, value + bytes(2**22) if (name, damage) == (broken, 'bomb') else value)
    if damage == 'checksum':
        whole, part = path.read_bytes(), content[broken]
        path.write_bytes(whole.replace(part, part[:-1] + bytes([part[-1] ^ 1]), 1))
    with pytest.raises(ValueError, match=rf'image file {broken}: expected .*(4,19\d,\d+|CRC)'):
        cifar(path)


@pytest.mark.parametrize('settings', [{'split': 'val'}, {'num_classes': 20}])
def test_unknown_settings_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match='CIFARDataset'):
        CIFARDataset(**settings)


@pytest.mark.parametrize('exact', [False, True])
def test_samples_taken_at_once_are_those_taken_one_by_one(tmp_path: Path, exact: bool) -> None:
    from mmpretrain.datasets.transforms import PackInputs

    inside = cifar(write_cifar_batches(tmp_path, per_class=20), pipeline=[PackInputs()])
    dataset = LongTailedDataset(inside, 4)
    indices = [5, 0, 77, 5]
    if exact:
        together = SeededDataset(dataset).__getitems__([(index, 100 + index) for index in indices])
    else:
        together = dataset.__getitems__(indices)
    for index, sample in zip(indices, together, strict=True):
        alone = dataset[index]
        assert torch.equal(sample['inputs'], alone['inputs']) and sample['inputs'].dtype == torch.uint8
        ours, theirs = sample['data_samples'], alone['data_samples']
        assert torch.equal(ours.gt_label, theirs.gt_label) and ours.gt_label.shape == theirs.gt_label.shape
        assert dict(ours.metainfo_items()) == dict(theirs.metainfo_items())


def test_a_pipeline_that_does_more_is_taken_one_by_one(tmp_path: Path) -> None:
    from mmpretrain.datasets.transforms import PackInputs

    root = write_cifar_batches(tmp_path)
    for pipeline in ([keep], [keep, PackInputs()], [PackInputs(meta_keys=('sample_idx',))]):
        dataset = LongTailedDataset(cifar(root, pipeline=pipeline), 2)
        assert dataset.__getitems__ is None and SeededDataset(dataset).__getitems__ is None
        loader = DataLoader(dataset, batch_size=4, collate_fn=list)
        assert len(next(iter(loader))) == 4
