"""Counting label files equals reading them as MMSegmentation does and counting with numpy."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hinted import hinted
from mmseg.datasets.transforms import LoadAnnotations
from PIL import Image

from ltseg.cli.errors import one_message_errors
from ltseg.core.errors import WrongStateError
from ltseg.counts.label_files import LabelFile, count_label_files, fingerprint, label_files
from ltseg.counts.label_histogram import label_histogram

CLASSES = 5


def palette_image(labels: np.ndarray) -> Image.Image:
    image = Image.fromarray(labels)
    image.putpalette([value for index in range(256) for value in (255 - index, index, 7)])
    return image


KINDS: dict[str, Callable[[np.ndarray], Image.Image]] = {
    'uint8': Image.fromarray,
    'uint16': lambda labels: Image.fromarray(labels.astype(np.uint16)),
    'palette': palette_image,
    'bilevel': lambda labels: Image.fromarray(labels > 2),
}


def write_labels(folder: Path, kind: str = 'uint8', number: int = 4, seed: int = 0) -> list[str]:
    """Random label files of different sizes; every value below is valid in each way of reading them used here."""
    random, paths = np.random.default_rng(seed), []
    for index in range(number):
        labels = random.choice(
            [0, 1, 2, 3, 4, 255], size=random.integers(5, 40, 2), p=[0.6, 0.2, 0.1, 0.04, 0.03, 0.03]
        )
        paths.append(str(folder / f'{index}.png'))
        KINDS[kind](labels.astype(np.uint8)).save(paths[-1])
    return paths


def naive(files: list[LabelFile], num_classes: int, ignore_index: int = 255) -> np.ndarray:
    """Samples, images and samples of the images, (3, K), from the maps that MMSegmentation trains on."""
    rows = np.zeros((3, num_classes), dtype=np.int64)
    for file in files:
        info = {'seg_map_path': file.path, 'reduce_zero_label': file.reduce_zero_label, 'seg_fields': []}
        labels = LoadAnnotations()(info | {'label_map': dict(file.label_map) or None})['gt_seg_map']
        for index in range(num_classes):
            found = int((labels == index).sum())
            rows[0, index] += found
            rows[1, index] += found > 0
            rows[2, index] += int((labels != ignore_index).sum()) if found else 0
    return rows


def rows_of(files: list[LabelFile], num_classes: int = CLASSES, **options: object) -> np.ndarray:
    counts, _ = count_label_files(files, num_classes, **options)
    return np.stack([counts.samples, counts.images, counts.samples_of_images])


@pytest.mark.parametrize('kind', KINDS)
@pytest.mark.parametrize('reduce_zero_label', [False, True])
@pytest.mark.parametrize('label_map', [(), ((0, 1), (1, 0), (3, 255), (4, 2))])
def test_equals_reading_as_mmsegmentation(kind: str, reduce_zero_label: bool, label_map: tuple, tmp_path: Path) -> None:
    files = [LabelFile(path, reduce_zero_label, label_map) for path in write_labels(tmp_path, kind)]
    expected = naive(files, CLASSES)
    assert expected[0].any()
    np.testing.assert_array_equal(rows_of(files), expected)


def test_two_processes_equal_one(tmp_path: Path) -> None:
    files = [LabelFile(path) for path in write_labels(tmp_path, number=9)]
    np.testing.assert_array_equal(rows_of(files, workers=2), rows_of(files, workers=1))
    (tmp_path / '5.png').write_bytes(b'no image')
    with pytest.raises(ValueError, match=r'5\.png'):
        rows_of(files, workers=2)


def test_ignored_pixels_are_counted_by_their_value(tmp_path: Path) -> None:
    Image.fromarray(np.array([[0, 1, 1], [2, 2, 2]], dtype=np.uint8)).save(tmp_path / 'a.png')
    counts, ignored = count_label_files([LabelFile(str(tmp_path / 'a.png'), repeats=2)], 2, ignore_index=2)
    assert (counts.samples.tolist(), counts.samples_of_images.tolist(), ignored) == ([2, 4], [6, 6], {2: 6})


def test_sixteen_bit_void_is_ignored_as_by_mmsegmentation(tmp_path: Path) -> None:
    Image.fromarray(np.array([[0, 1, 65535]], dtype=np.uint16)).save(tmp_path / 'a.png')
    files = [LabelFile(str(tmp_path / 'a.png'))]
    np.testing.assert_array_equal(rows_of(files, 2), naive(files, 2))


@pytest.mark.parametrize(
    ('labels', 'num_classes', 'message'),
    [
        (np.array([[0, 5, 5]], dtype=np.uint8), 5, '{5: 2}'),
        (np.array([[0, 300]], dtype=np.uint16), 5, '{300: 1}'),
        (np.zeros((4, 4, 3), dtype=np.uint8), 5, 'one channel'),
        (np.zeros((4, 4, 4), dtype=np.uint8), 5, 'one channel'),
        (np.array([[-1, 70000]], dtype=np.int32), 5, '0 to 65535'),
    ],
)
def test_names_file_and_value(labels: np.ndarray, num_classes: int, message: str, tmp_path: Path) -> None:
    path = str(tmp_path / 'bad.tiff')
    Image.fromarray(labels).save(path)
    with pytest.raises(ValueError, match=r'bad\.tiff') as caught:
        count_label_files([LabelFile(path)], num_classes)
    assert message in str(caught.value)


def test_refuses_a_truncated_file(tmp_path: Path) -> None:
    path = tmp_path / 'short.png'
    Image.fromarray(np.random.default_rng(0).integers(0, 5, (64, 64), dtype=np.uint8)).save(path)
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(ValueError, match=r'short\.png.*can be read'):
        label_histogram(str(path))


def test_file_backend_reads_the_same(tmp_path: Path) -> None:
    (path,) = write_labels(tmp_path, number=1)
    np.testing.assert_array_equal(label_histogram(path, {'backend': 'local'}), label_histogram(path))


class Infos(list):
    """Data infos with the part of a data set's interface that counting uses."""

    def get_data_info(self, index: int) -> dict:
        return self[index]


def test_repeats_are_relative() -> None:
    once, twice = {'seg_map_path': 'a.png'}, {'seg_map_path': 'b.png', 'label_map': {1: 0}}
    files = label_files(Infos(3 * [once, twice, twice]))
    assert files == [LabelFile('a.png'), LabelFile('b.png', label_map=((1, 0),), repeats=2)]


def test_repeated_files_count_repeatedly(tmp_path: Path) -> None:
    a, b = write_labels(tmp_path, number=2)
    expected = rows_of([LabelFile(a), LabelFile(b), LabelFile(b)])
    np.testing.assert_array_equal(rows_of([LabelFile(a), LabelFile(b, repeats=2)]), expected)


def test_refuses_data_without_labels() -> None:
    with pytest.raises(ValueError, match='seg_map_path'):
        label_files(Infos([{'img_path': 'a.jpg'}]))


def test_fingerprint_sees_every_change_but_a_move(tmp_path: Path) -> None:
    (tmp_path / 'old').mkdir()
    paths = write_labels(tmp_path / 'old')
    files = [LabelFile(path) for path in paths]
    first = fingerprint(files, 'settings')
    assert fingerprint(files[::-1], 'settings') == first
    assert fingerprint(files, 'other') != first
    assert fingerprint(files[1:], 'settings') != first
    assert fingerprint([LabelFile(path, reduce_zero_label=True) for path in paths], 'settings') != first
    (tmp_path / 'old').rename(tmp_path / 'new')
    moved = [LabelFile(path.replace('/old/', '/new/')) for path in paths]
    assert fingerprint(moved, 'settings') == first
    Path(moved[0].path).write_bytes(Path(moved[0].path).read_bytes())
    assert fingerprint(moved, 'settings') != first


def test_fingerprint_names_missing_files(tmp_path: Path) -> None:
    paths = write_labels(tmp_path)
    Path(paths[2]).unlink()
    with pytest.raises(FileNotFoundError, match=r'1 missing ones, the first: .*2\.png'):
        fingerprint([LabelFile(path) for path in paths], '')


BROKEN = {
    'cut off': lambda path: path.write_bytes(path.read_bytes()[:60]),
    'no image': lambda path: path.write_bytes(b'text'),
    'colours': lambda path: Image.new('RGB', (8, 8)).save(path),
    'floats': lambda path: Image.new('F', (8, 8), 1.5).save(path, 'TIFF'),
    'missing': lambda path: path.unlink(),
}


@pytest.mark.parametrize('fault', list(BROKEN))
def test_an_error_of_a_counting_process_is_one_of_ours(
    tmp_path: Path, fault: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """Two broken files among 40, one for each of two processes, and nothing but the message is printed."""
    paths = write_labels(tmp_path, number=40)
    for index in (17, 33):
        BROKEN[fault](Path(paths[index]))
    with pytest.raises(SystemExit), one_message_errors():
        count_label_files([LabelFile(path) for path in paths], CLASSES, workers=2)
    text = capfd.readouterr().err
    assert text.startswith(f'error: label file {paths[17]}: expected ') and len(text.splitlines()) == 1


def test_a_counting_process_that_dies_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = write_labels(tmp_path, number=4)
    monkeypatch.setattr('ltseg.counts.label_histogram.label_histogram', die)
    with pytest.raises(WrongStateError, match='counting: expected workers that live, got one that died') as caught:
        count_label_files([LabelFile(path) for path in paths], CLASSES, workers=2)
    hinted('It may have run out of memory; use fewer workers.', str(caught.value))
    monkeypatch.undo()
    count_label_files([LabelFile(path) for path in paths], CLASSES, workers=1)


def die(*_: object, **__: object) -> None:
    os._exit(9)


def test_a_file_that_is_restored_or_left_out_is_counted(tmp_path: Path) -> None:
    paths = write_labels(tmp_path, number=2)
    whole = Path(paths[1]).read_bytes()
    Path(paths[1]).write_bytes(b'no image')
    count = lambda chosen: count_label_files([LabelFile(path) for path in chosen], CLASSES, workers=1)[0]  # noqa: E731
    hinted('Restore the file, or take it out of the data set.', lambda: count(paths))
    left = count(paths[:1]).samples.sum()
    Path(paths[1]).write_bytes(whole)
    assert 0 < left < count(paths).samples.sum()
