"""The public lists are read, checked against the published totals, and missed with a word on where to get them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hinted import hinted
from tiny_images import write_image_lists

from ltseg.counts.data_set_counts import count_dataset
from ltseg.datasets import ImageNetLTDataset, INaturalist2018Dataset, PlacesLTDataset
from ltseg.datasets.image_lists import ImageListDataset

KINDS: dict[str, type[ImageListDataset]] = {
    'imagenet_lt': ImageNetLTDataset,
    'places_lt': PlacesLTDataset,
    'inaturalist2018': INaturalist2018Dataset,
}
every_kind = pytest.mark.parametrize('kind', KINDS)
EVERY_TOTAL = {'train': 15, 'val': 15, 'test': 15}


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], type[ImageListDataset]]:
    """The data sets with 15 images of 5 classes as their published totals."""

    def shrink(kind: str) -> type[ImageListDataset]:
        monkeypatch.setattr(KINDS[kind], 'TOTALS', EVERY_TOTAL)
        monkeypatch.setattr(KINDS[kind], 'NUM_CLASSES', 5)
        return KINDS[kind]

    return shrink


@every_kind
def test_every_split_is_read_and_loaded(tmp_path: Path, kind: str, small: Any) -> None:
    root, data_set = write_image_lists(tmp_path, kind, num_classes=5, per_class=3), small(kind)
    for split in data_set.LISTS:
        dataset = data_set(split, data_root=str(root), pipeline=[{'type': 'ltseg.LoadCheckedImage'}])
        assert len(dataset) == 15 and dataset[3]['img'].shape == (40, 48, 3)
        assert dataset.get_gt_labels().tolist() == [0, 1, 2, 3, 4] * 3
        assert count_dataset(dataset)[0].counts.samples.tolist() == [3] * 5


def test_classes_are_called_by_their_folders(tmp_path: Path, small: Any) -> None:
    for kind, last in (('imagenet_lt', 'n00000004'), ('places_lt', 'scene_004'), ('inaturalist2018', '0004')):
        root, data_set = write_image_lists(tmp_path / kind, kind, 5, 3), small(kind)
        for split in data_set.LISTS:
            assert data_set(split, data_root=str(root)).metainfo['classes'][4] == last
    (tmp_path / 'imagenet_lt/ImageNet_LT_train.txt').unlink()
    numbered = ImageNetLTDataset('test', data_root=str(tmp_path / 'imagenet_lt'))
    assert numbered.metainfo['classes'] == ('0', '1', '2', '3', '4')
    given = {'classes': tuple('abcde')}
    named = ImageNetLTDataset('test', data_root=str(tmp_path / 'imagenet_lt'), metainfo=given)
    assert named.metainfo['classes'] == given['classes']


def test_inaturalist_reads_lists_of_lines_where_there_is_no_json(tmp_path: Path, small: Any) -> None:
    root, data_set = write_image_lists(tmp_path, 'inaturalist2018', 5, 3), small('inaturalist2018')
    official = data_set(data_root=str(root))
    lines = [
        f'{info["img_path"].removeprefix(str(root))[1:]} {info["gt_label"]}'
        for info in map(official.get_data_info, range(15))
    ]
    (root / 'iNaturalist18_train.txt').write_text('\n'.join(lines[::-1]))
    beside = data_set(data_root=str(root))
    assert [beside.get_data_info(i) for i in range(15)] == [official.get_data_info(i) for i in range(15)]
    (root / 'iNaturalist18_train.txt').write_text('\n'.join(lines))
    (root / 'train2018.json').unlink()
    listed = data_set(data_root=str(root))
    assert [listed.get_data_info(i) for i in range(15)] == [official.get_data_info(i) for i in range(15)]


@every_kind
def test_totals_are_the_published_ones(kind: str) -> None:
    published = {
        'imagenet_lt': ({'train': 115_846, 'val': 20_000, 'test': 50_000}, 1000),
        'places_lt': ({'train': 62_500, 'val': 7_300, 'test': 36_500}, 365),
        'inaturalist2018': ({'train': 437_513, 'val': 24_426}, 8142),
    }
    assert published[kind] == (KINDS[kind].TOTALS, KINDS[kind].NUM_CLASSES)


def test_a_list_of_the_published_size_passes_and_others_do_not(tmp_path: Path) -> None:
    write_image_lists(tmp_path, 'places_lt', num_classes=365)
    path = tmp_path / 'Places_LT_train.txt'
    first = path.read_text().splitlines()
    lines = first + [first[0]] * (62_500 - 365 - 1) + first[-1:]
    path.write_text('\n'.join(lines))
    assert len(PlacesLTDataset(data_root=str(tmp_path), serialize_data=False)) == 62_500
    for wrong, message in (
        (lines[:-1], r'62500 images, got 62499'),
        ([first[0]] * 62_500, r'labels 0\.\.364.*1 classes up to 0'),
        ([*lines[1:], f'{first[0]}5'.replace(' 05', ' 365')], r'up to 365'),
    ):
        path.write_text('\n'.join(wrong))
        with pytest.raises(ValueError, match=message):
            PlacesLTDataset(data_root=str(tmp_path))
    hinted(
        'Take the published list, or set check=False for a part of the data.',
        lambda: PlacesLTDataset(data_root=str(tmp_path)),
    )
    path.write_text('\n'.join(first))
    assert len(PlacesLTDataset(data_root=str(tmp_path), check=False)) == 365


@every_kind
def test_missing_lists_and_images_are_one_message(tmp_path: Path, kind: str, small: Any) -> None:
    data_set = small(kind)
    with pytest.raises(FileNotFoundError) as caught:
        data_set(data_root=str(tmp_path / 'nothing'))
    for part in (str(tmp_path / 'nothing'), 'https://', 'Layout', '--data-root'):
        assert part in str(caught.value)
    root = write_image_lists(tmp_path, kind, 5, 3)
    next(path for path in sorted(root.rglob('*_0.*')) if path.is_file()).unlink()
    with pytest.raises(FileNotFoundError, match=r'the images of .*_0\.(?s:.*)Layout'):
        data_set(data_root=str(root))


@pytest.mark.parametrize('line', ['train/a.JPEG', 'train/a.JPEG -1', '7', 'train/a.JPEG x'])
def test_a_line_that_is_none_is_named(tmp_path: Path, line: str) -> None:
    (tmp_path / 'ImageNet_LT_train.txt').write_text(f'train/b.JPEG 0\n\n{line}\n')
    with pytest.raises(ValueError, match=r"ImageNet_LT_train\.txt, line 3: expected 'path label'"):
        ImageNetLTDataset(data_root=str(tmp_path))


@pytest.mark.parametrize('content', ['{', '[]', '{"images": [{"id": 1, "file_name": "a"}], "annotations": []}'])
def test_annotations_that_are_none_are_named(tmp_path: Path, content: str) -> None:
    (tmp_path / 'train2018.json').write_text(content)
    with pytest.raises(ValueError, match=r'train2018\.json'):
        INaturalist2018Dataset(data_root=str(tmp_path))


def test_an_unknown_split_is_refused() -> None:
    with pytest.raises(ValueError, match=r'INaturalist2018Dataset\.split'):
        INaturalist2018Dataset('test')


def test_the_lists_that_the_guides_name_are_read(tmp_path: Path, small: Any) -> None:
    def read(kind: str, root: Path = tmp_path / 'none') -> int:
        return len(small(kind)(data_root=str(root)))

    hinted('Get the images of ILSVRC 2012 from https://www.image-net.org', lambda: read('imagenet_lt'))
    hinted('Get the small images (256 x 256) of Places365-Standard', lambda: read('places_lt'))
    hinted('Get train_val2018.tar.gz, train2018.json and val2018.json', lambda: read('inaturalist2018'))
    for kind in KINDS:
        assert read(kind, write_image_lists(tmp_path / kind, kind, 5, 3)) == 15
