import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mmengine.dataset import pseudo_collate
from mmseg.datasets import BaseSegDataset
from mmseg.datasets.transforms import LoadAnnotations
from PIL import Image
from torch.utils.data import DataLoader

from ltseg.counts.label_files import LabelFile, count_label_files
from ltseg.counts.label_histogram import label_histogram
from ltseg.datasets import LoadCheckedAnnotations, LoadCheckedImage
from ltseg.datasets.checked_loading import read_labels

RANDOM = np.random.default_rng(0)
LABELS = RANDOM.integers(0, 5, (24, 32), dtype=np.uint8)
COLOURS = RANDOM.integers(0, 256, (24, 32, 3), dtype=np.uint8)


def saved(path: Path, array: np.ndarray, **options: Any) -> str:
    Image.fromarray(array).save(path, **options)
    return str(path)


def palette_image(labels: np.ndarray, path: Path) -> str:
    image = Image.fromarray(labels).convert('P')
    image.putdata(labels.ravel().tolist())
    image.putpalette(RANDOM.integers(0, 256, 768).tolist())
    image.save(path)
    return str(path)


def loaded(path: str, num_classes: int | None = 5, **results: Any) -> np.ndarray:
    results = {'seg_map_path': path, 'seg_fields': [], 'reduce_zero_label': False, **results}
    return LoadCheckedAnnotations(num_classes)(results)['gt_seg_map']


def test_a_good_image_is_loaded_as_mmsegmentation_does(tmp_path: Path) -> None:
    results = LoadCheckedImage()({'img_path': saved(tmp_path / 'a.png', COLOURS)})
    np.testing.assert_array_equal(results['img'], COLOURS[..., ::-1])
    assert results['img_shape'] == results['ori_shape'] == (24, 32)


@pytest.mark.parametrize('reduce_zero_label', [False, True])
@pytest.mark.parametrize('label_map', [None, {0: 255, 1: 0, 2: 1, 3: 255, 4: 2}])
def test_good_labels_are_loaded_as_by_mmsegmentation(tmp_path: Path, reduce_zero_label: bool, label_map: dict) -> None:
    labels = np.where(RANDOM.random(LABELS.shape) < 0.1, 255, LABELS).astype(np.uint8)
    path = saved(tmp_path / 'a.png', labels)
    info = {'seg_map_path': path, 'label_map': label_map, 'reduce_zero_label': reduce_zero_label}
    expected = LoadAnnotations()({**info, 'seg_fields': []})
    results = LoadCheckedAnnotations(4 if reduce_zero_label else 5)({**info, 'seg_fields': []})
    np.testing.assert_array_equal(results['gt_seg_map'], expected['gt_seg_map'])
    assert results['gt_seg_map'].dtype == np.uint8
    assert results['seg_fields'] == ['gt_seg_map']


def test_palette_and_wide_labels_give_their_indices(tmp_path: Path) -> None:
    np.testing.assert_array_equal(read_labels(palette_image(LABELS, tmp_path / 'palette.png')), LABELS)
    wide = LABELS.astype(np.uint16)
    wide[0] = 65535
    labels = read_labels(saved(tmp_path / 'wide.png', wide))
    np.testing.assert_array_equal(labels[1:], LABELS[1:])
    assert (labels[0] == 255).all()
    two_values = LABELS > 2
    np.testing.assert_array_equal(read_labels(saved(tmp_path / 'bits.png', two_values)), two_values)


@pytest.mark.parametrize('suffix', ['png', 'jpg'])
@pytest.mark.parametrize('kept', [0.0, 0.1, 0.5, 0.99])
def test_a_truncated_image_is_named(tmp_path: Path, suffix: str, kept: float) -> None:
    path = tmp_path / f'broken.{suffix}'
    content = io.BytesIO()
    noise = RANDOM.integers(0, 256, (96, 96, 3), dtype=np.uint8)
    Image.fromarray(noise).save(content, format='PNG' if suffix == 'png' else 'JPEG')
    path.write_bytes(content.getvalue()[: int(kept * len(content.getvalue()))])
    with pytest.raises(ValueError, match=str(path)):
        LoadCheckedImage()({'img_path': str(path)})
    with pytest.raises(ValueError, match=str(path)):
        read_labels(str(path))


def test_a_file_with_something_behind_its_last_marker_is_whole(tmp_path: Path) -> None:
    path = tmp_path / 'a.jpg'
    saved(path, COLOURS)
    path.write_bytes(path.read_bytes() + bytes(100))
    assert LoadCheckedImage()({'img_path': str(path)})['img'].shape == (24, 32, 3)


def test_a_damaged_or_missing_file_is_named(tmp_path: Path) -> None:
    path = Path(saved(tmp_path / 'label.png', LABELS))
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 255
    path.write_bytes(content)
    with pytest.raises(ValueError, match=f'{path}.*decoded'):
        read_labels(str(path))
    for load in (read_labels, lambda name: LoadCheckedImage()({'img_path': name})):
        with pytest.raises(FileNotFoundError, match=str(tmp_path / 'none.png')):
            load(str(tmp_path / 'none.png'))


@pytest.mark.parametrize('mode', ['RGB', 'RGBA', 'LA'])
def test_a_label_of_several_channels_is_named(tmp_path: Path, mode: str) -> None:
    path = tmp_path / 'colours.png'
    Image.fromarray(COLOURS).convert(mode).save(path)
    with pytest.raises(ValueError, match=f'{path}.*one channel.*{len(mode)} channels'):
        read_labels(str(path))


def test_a_value_outside_the_classes_is_named_with_the_legal_range(tmp_path: Path) -> None:
    labels = LABELS.copy()
    labels[:3, :2] = 7
    path = saved(tmp_path / 'a.png', labels)
    with pytest.raises(ValueError, match=rf'{path}.*0\.\.4.*255.*value 7 \(6 pixels\)'):
        loaded(path)
    assert (loaded(path, ignore_index=7) == 7).sum() == 6
    assert (loaded(path, label_map={7: 255}) == 255).sum() == 6
    assert (loaded(path, num_classes=None) == 7).sum() == 6
    assert (loaded(path, 7, reduce_zero_label=True) == 6).sum() == 6
    with pytest.raises(ValueError, match=rf'{path}.*value 7'):
        loaded(path, 6, reduce_zero_label=True)


def test_a_16_bit_value_is_not_folded_into_a_class(tmp_path: Path) -> None:
    path = saved(tmp_path / 'a.png', LABELS.astype(np.uint16) + 256)
    with pytest.raises(ValueError, match=rf'{path}.*0\.\.255.*(25[6-9]|260)'):
        read_labels(path)


@pytest.mark.parametrize('reduce_zero_label', [False, True])
@pytest.mark.parametrize('label_map', [None, {1: 65535, 299: 5}])
def test_labels_of_many_classes_keep_their_16_bits(
    tmp_path: Path, reduce_zero_label: bool, label_map: dict | None
) -> None:
    """As they are counted, too."""
    values = np.array([0, 1, 2, 254, 255, 256, 299, 300, 65535])
    path = saved(tmp_path / 'a.png', values[None].astype(np.uint16))
    classes = np.where(np.isin(values, [0, 65535]), 65535, values - 1) if reduce_zero_label else values
    expected = classes.copy()
    for old, new in (label_map or {}).items():
        expected[classes == old] = new
    found = loaded(path, 301, reduce_zero_label=reduce_zero_label, label_map=label_map, ignore_index=65535)
    assert found.dtype == np.uint16 and found.tolist() == [expected.tolist()]
    file = LabelFile(path, reduce_zero_label, tuple((label_map or {}).items()))
    counts, ignored = count_label_files([file], 301, 65535)
    valid = expected[expected != 65535]
    assert counts.samples.tolist() == np.bincount(valid, minlength=301).tolist()
    assert sum(ignored.values()) == len(expected) - len(valid)


def test_255_classes_behind_a_reduced_label_need_16_bits(tmp_path: Path) -> None:
    """The value 255 is then the last class, which MMSegmentation ignores."""
    path = saved(tmp_path / 'a.png', np.array([[0, 1, 255]], np.uint8))
    assert loaded(path, 255, reduce_zero_label=True, ignore_index=65535).tolist() == [[65535, 0, 254]]
    assert loaded(path, 254, reduce_zero_label=True).tolist() == [[255, 0, 255]]


def test_a_wide_value_outside_the_classes_is_named(tmp_path: Path) -> None:
    path = saved(tmp_path / 'a.png', np.array([[0, 300, 400]], np.uint16))
    with pytest.raises(ValueError, match=rf'{path}.*0\.\.299.*65535.*value 300 \(1 pixels\), 400'):
        loaded(path, 300, ignore_index=65535)


@pytest.mark.parametrize('values', [[[0.0, 1.7, np.nan]], [[0.0, 1.0, 2.0]]])
def test_float_labels_are_refused_by_loader_and_counter_alike(tmp_path: Path, values: list) -> None:
    """As of GeoTIFF with nan for no data, which MMSegmentation reads as class 0."""
    path = saved(tmp_path / 'a.tif', np.array(values, np.float32))
    for read in (read_labels, loaded, label_histogram):
        with pytest.raises(ValueError, match=rf'{path}.*Save the classes as 8-bit or 16-bit integers'):
            read(path)
    whole = np.nan_to_num(np.array(values), nan=255).astype(np.uint8)  # as the hint says
    path = saved(tmp_path / 'a.tif', whole)
    assert loaded(path).tolist() == whole.tolist()
    assert label_histogram(path).sum() == 3


def test_a_label_of_another_size_names_both_files(tmp_path: Path) -> None:
    image, label = saved(tmp_path / 'image.png', COLOURS), saved(tmp_path / 'label.png', LABELS[:, :30])
    results = LoadCheckedImage()({'img_path': image, 'seg_map_path': label, 'seg_fields': []})
    with pytest.raises(ValueError, match=f'{label}.*{image}, 24 x 32.*24 x 30'):
        LoadCheckedAnnotations(5)(results)


@pytest.mark.parametrize('workers', [0, 2])
def test_the_message_reaches_the_user_through_data_loader_workers(
    tmp_path: Path, workers: int, mmseg_registered: None
) -> None:
    for index in range(4):
        saved(tmp_path / f'{index}.jpg', COLOURS)
        saved(tmp_path / f'{index}.png', LABELS if index != 2 else LABELS + 10)
    dataset = BaseSegDataset(
        data_root=str(tmp_path),
        metainfo={'classes': tuple('abcde')},
        pipeline=[
            {'type': 'ltseg.LoadCheckedImage'},
            {'type': 'ltseg.LoadCheckedAnnotations', 'num_classes': 5},
            {'type': 'PackSegInputs'},
        ],
    )
    with pytest.raises(ValueError, match=r'2\.png: expected values 0\.\.4'):
        list(DataLoader(dataset, 1, num_workers=workers, collate_fn=pseudo_collate))


def test_what_pillow_takes_for_a_bomb_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = saved(tmp_path / 'a.png', LABELS)
    monkeypatch.setattr(Image, 'MAX_IMAGE_PIXELS', 100)
    with pytest.raises(ValueError, match=r'label file .*a\.png: expected a picture that can be decoded, got .*exceeds'):
        read_labels(path)
