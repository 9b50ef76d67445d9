import os
import shutil
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hinted import hinted

from ltseg.datasets.minicity.canvas import Canvas, rectangle
from ltseg.datasets.minicity.objects import DRAWINGS, NAMES, TRAIN_IDS, Box
from ltseg.datasets.minicity.scenes import SETTINGS_FILE, StreetScenes

SMALL = StreetScenes(height=64, width=64, train=2, val=1, test=0)


def pixel_counts(scenes: StreetScenes, split: str, number: int) -> np.ndarray:
    return sum(np.bincount(scenes.scene(split, index)[1].ravel(), minlength=256) for index in range(number))


@pytest.fixture(scope='module')
def skewed() -> dict[str, np.ndarray]:
    return {split: pixel_counts(StreetScenes(), split, number) for split, number in (('train', 120), ('val', 40))}


def files_below(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob('*')) if path.is_file()}


def test_pictures_have_the_announced_form() -> None:
    image, labels = StreetScenes(height=96, width=160).scene('val', 3)
    assert image.shape == (96, 160, 3)
    assert labels.shape == (96, 160)
    assert image.dtype == labels.dtype == np.uint8
    assert set(np.unique(labels)) <= {*range(19), 255}


def test_a_picture_depends_on_seed_skew_split_and_index_alone() -> None:
    image, labels = StreetScenes().scene('train', 7)
    again, labels_again = StreetScenes(train=500, val=1).scene('train', 7)
    np.testing.assert_array_equal(image, again)
    np.testing.assert_array_equal(labels, labels_again)
    others = [StreetScenes(seed=1).scene('train', 7), StreetScenes(skew=0.5).scene('train', 7)]
    others += [StreetScenes().scene('val', 7), StreetScenes().scene('train', 8)]
    assert all(not np.array_equal(labels, other) for _, other in others)


def test_every_class_and_void_occur_in_train_and_val(skewed: dict[str, np.ndarray]) -> None:
    for split, counts in skewed.items():
        assert [name for name, train_id in TRAIN_IDS.items() if counts[train_id] == 0] == [], split
        assert 0 < counts[255] < 0.1 * counts.sum()


def test_shares_are_as_skewed_as_those_of_cityscapes(skewed: dict[str, np.ndarray]) -> None:
    counts = skewed['train']
    assert counts[TRAIN_IDS['road']] > 100 * counts[TRAIN_IDS['bicycle']]
    order = [NAMES[index] for index in np.argsort(-counts[:19])]
    assert set(order[:6]) == {'road', 'building', 'vegetation', 'car', 'sidewalk', 'sky'}
    assert set(order[6:12]) == {'pole', 'person', 'terrain', 'fence', 'wall', 'sign'}


def test_without_the_skew_classes_are_about_equally_frequent() -> None:
    counts = pixel_counts(StreetScenes(skew=0), 'train', 60)[:19]
    assert counts.max() < 4 * counts.min()


@pytest.mark.parametrize('name', DRAWINGS)
def test_each_drawing_paints_its_own_class(name: str) -> None:
    random = np.random.default_rng(0)
    canvas = Canvas(64, 64, random)
    DRAWINGS[name](Box(canvas, 32, 60, 48, 48), random)
    painted = Counter(canvas.labels.ravel().tolist())
    beside = {'light': 'pole', 'sign': 'pole', 'rider': 'bicycle'}.get(name, name)
    assert painted[TRAIN_IDS[name]] > 60
    assert set(painted) <= {TRAIN_IDS[name], TRAIN_IDS[beside], TRAIN_IDS['motorcycle'], 255}


def test_shapes_beyond_the_edges_are_cut_off() -> None:
    canvas = Canvas(8, 8, np.random.default_rng(0))
    canvas.fill(3, rectangle(-5, -5, 2, 1), np.zeros(3))
    canvas.fill(4, rectangle(20, 20, 30, 30), np.zeros(3))
    canvas.fill(5, rectangle(-9, -9, -4, -4), np.zeros(3))
    expected = np.full((8, 8), 255)
    expected[:2, :3] = 3
    np.testing.assert_array_equal(canvas.labels, expected)


def test_writing_again_changes_nothing_and_other_settings_are_refused(tmp_path: Path) -> None:
    folder = tmp_path / 'city'
    assert SMALL.write(folder)
    written = files_below(folder)
    assert len(written) == 2 * 3 + 1
    assert not SMALL.write(folder)
    with pytest.raises(FileExistsError, match=f'{folder}.*seed=1'):
        replace(SMALL, seed=1).write(folder)
    hinted(
        'Name another folder, or delete this one if you do not need it.', lambda: replace(SMALL, seed=1).write(folder)
    )
    assert replace(SMALL, seed=1).write(tmp_path / 'other')
    shutil.rmtree(tmp_path / 'other')
    assert files_below(folder) == written
    assert os.listdir(tmp_path) == ['city']


def test_a_folder_of_other_files_is_refused_and_kept(tmp_path: Path) -> None:
    (tmp_path / 'precious.png').write_bytes(b'mine')
    with pytest.raises(FileExistsError, match=str(tmp_path)):
        SMALL.write(tmp_path)
    assert files_below(tmp_path) == {'precious.png': b'mine'}


def test_a_damaged_settings_file_is_named(tmp_path: Path) -> None:
    SMALL.write(tmp_path / 'city')
    (tmp_path / 'city' / SETTINGS_FILE).write_text('{')
    with pytest.raises(FileExistsError, match=SETTINGS_FILE):
        SMALL.write(tmp_path / 'city')


def test_a_process_that_comes_second_takes_what_the_first_wrote(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / 'city'
    rename = os.rename

    def overtaken(source: Path, target: Path) -> None:
        monkeypatch.setattr(os, 'rename', rename)
        SMALL.write(folder)
        rename(source, target)

    monkeypatch.setattr(os, 'rename', overtaken)
    assert not SMALL.write(folder)
    assert os.listdir(tmp_path) == ['city']
    assert len(files_below(folder)) == 7


def test_a_failure_leaves_no_half_written_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_space(*_: object) -> None:
        raise OSError('No space left on device')

    monkeypatch.setattr(os, 'rename', no_space)
    with pytest.raises(OSError, match='No space left'):
        SMALL.write(tmp_path / 'city')
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    ('name', 'value'), [('skew', 1.5), ('skew', float('nan')), ('seed', -1), ('height', 8), ('train', 2.5)]
)
def test_settings_out_of_range_are_named(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=f'StreetScenes.{name}.*{value}'):
        StreetScenes(**{name: value})
