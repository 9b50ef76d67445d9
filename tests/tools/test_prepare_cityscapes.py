import json
import re
import runpy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hinted import hinted
from PIL import Image

from ltseg.cli.prepare_cityscapes import prepare
from ltseg.datasets import CityscapesDataset
from ltseg.datasets.cityscapes_labels import NAMES, TRAIN_IDS, train_ids_of

TOOL = runpy.run_path(str(Path(__file__).parents[2] / 'tools/prepare_cityscapes.py'))


def box(label: str, left: int, top: int, right: int, bottom: int, **more: Any) -> dict[str, Any]:
    return {'label': label, 'polygon': [[left, top], [right, top], [right, bottom], [left, bottom]], **more}


# Later shapes hide earlier ones; the plate has no id, so that the car below it stays; deleted shapes are not drawn.
SHAPES = [
    box('road', 0, 12, 39, 23),
    box('sky', 0, 0, 39, 11),
    box('cargroup', 4, 8, 15, 15),
    box('car', 20, 8, 31, 15),
    box('license plate', 24, 12, 27, 13),
    box('polegroup', 33, 2, 34, 15),
    box('ridergroup', 36, 2, 37, 9),
    box('building', 0, 0, 39, 23, deleted=1),
]


def expected_ids() -> np.ndarray:
    ids = np.zeros((24, 40), np.uint8)
    areas = [('road', 0, 12, 39, 23), ('sky', 0, 0, 39, 11), ('car', 4, 8, 15, 15), ('car', 20, 8, 31, 15)]
    for name, left, top, right, bottom in [*areas, ('polegroup', 33, 2, 34, 15), ('rider', 36, 2, 37, 9)]:
        ids[top : bottom + 1, left : right + 1] = NAMES.index(name)
    ids[20:] = np.where(ids[20:] == 7, 7, ids[20:])
    return ids


def write_polygons(root: Path, name: str, shapes: list[dict[str, Any]] = SHAPES) -> Path:
    path = root / f'gtFine/train/ulm/{name}_gtFine_polygons.json'
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({'imgHeight': 24, 'imgWidth': 40, 'objects': shapes}))
    return path


def write_ids(root: Path, name: str) -> Path:
    path = root / f'gtFine/train/ulm/{name}_gtFine_labelIds.png'
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(expected_ids()).save(path)
    return path


def test_the_19_classes_are_those_of_mmengine() -> None:
    from mmseg.datasets import CityscapesDataset

    learned = [NAMES[label_id] for label_id in TRAIN_IDS]
    assert learned == list(CityscapesDataset.METAINFO['classes'])
    assert list(TRAIN_IDS.values()) == list(range(19))


def test_polygons_and_ids_agree(tmp_path: Path) -> None:
    of_polygons, of_ids = train_ids_of(write_polygons(tmp_path, 'a')), train_ids_of(write_ids(tmp_path, 'b'))
    np.testing.assert_array_equal(of_polygons, of_ids)
    assert set(np.unique(of_ids)) == {0, 10, 12, 13, 255}
    assert of_polygons[13, 25] == 13


def test_every_id_becomes_its_train_id(tmp_path: Path) -> None:
    path = tmp_path / 'all_gtFine_labelIds.png'
    Image.fromarray(np.arange(34, dtype=np.uint8)[None]).save(path)
    assert train_ids_of(path)[0].tolist() == [TRAIN_IDS.get(label_id, 255) for label_id in range(34)]


def test_the_tool_makes_what_is_missing_and_keeps_the_rest(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    write_polygons(tmp_path, 'a')
    write_ids(tmp_path, 'b')
    write_ids(tmp_path, 'c')
    kept = tmp_path / 'gtFine/train/ulm/c_gtFine_labelTrainIds.png'
    kept.write_bytes(b'mine')
    TOOL['main']([str(tmp_path), '--workers', '1'])
    assert 'made 2 label images (1 from labelIds, 1 from polygons), kept 1' in capsys.readouterr().out
    assert kept.read_bytes() == b'mine'
    made = [np.asarray(Image.open(tmp_path / f'gtFine/train/ulm/{name}_gtFine_labelTrainIds.png')) for name in 'ab']
    np.testing.assert_array_equal(made[0], made[1])
    TOOL['main']([str(tmp_path)])
    assert 'made 0 label images' in capsys.readouterr().out


@pytest.mark.parametrize(
    ('shapes', 'named'),
    [([box('castle', 0, 0, 5, 5)], 'castle'), ([{'label': 'car'}], 'polygon'), ([{'label': 'car', 'polygon': []}], '')],
)
def test_a_broken_polygon_file_is_named_and_leaves_nothing(
    tmp_path: Path, shapes: list, named: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_polygons(tmp_path, 'a', shapes)
    with pytest.raises(SystemExit):
        TOOL['main']([str(tmp_path), '--workers', '1'])
    assert re.fullmatch(f'error: .*{path}.*{named}.*\n', capsys.readouterr().err)
    assert sorted(path.parent.iterdir()) == [path]


def test_official_files_become_labels_that_are_read(tmp_path: Path, mmseg_registered: None) -> None:
    folders = {'img_path': 'leftImg8bit/train', 'seg_map_path': 'gtFine/train'}
    read = lambda: CityscapesDataset(data_root=str(tmp_path), data_prefix=folders)  # noqa: E731
    hinted('Download leftImg8bit_trainvaltest.zip and gtFine_trainvaltest.zip', read)
    hinted('Download leftImg8bit_trainvaltest.zip and gtFine_trainvaltest.zip', lambda: prepare(tmp_path, 1))
    image = tmp_path / 'leftImg8bit/train/ulm/a_leftImg8bit.png'
    image.parent.mkdir(parents=True)
    Image.new('RGB', (40, 24)).save(image)
    path = write_polygons(tmp_path, 'a', [box('castle', 0, 0, 5, 5)])
    hinted('files are there: make the labels from them with', read)
    hinted('Unpack it again from gtFine_trainvaltest.zip.', lambda: train_ids_of(path))
    write_polygons(tmp_path, 'a')
    prepare(tmp_path, 1)
    assert len(read()) == 1


def test_ids_out_of_range_and_missing_data_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        TOOL['main']([str(tmp_path)])
    assert re.search(f'{tmp_path}/gtFine(.|\n)*Download', capsys.readouterr().err)
    path = write_ids(tmp_path, 'a')
    Image.fromarray(np.full((4, 4), 34, np.uint8)).save(path)
    with pytest.raises(SystemExit):
        TOOL['main']([str(tmp_path), '--workers', '1'])
    assert re.search(rf'{path}.*0\.\.33.*34', capsys.readouterr().err)
