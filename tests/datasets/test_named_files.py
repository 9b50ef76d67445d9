"""Transforms of MMSegmentation and MMPretrain name the file that they cannot load."""

import io
import pickle
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hinted import hinted
from mmcv.transforms import LoadImageFromFile
from mmengine.dataset import Compose, ConcatDataset
from mmseg.datasets import BaseSegDataset
from PIL import Image
from plain_training import save

from ltseg.core.errors import LtsegError
from ltseg.datasets import LoadCheckedImage
from ltseg.datasets.checked_images import check_not_truncated
from ltseg.datasets.named_files import NamedLoading, name_files

pytestmark = pytest.mark.usefixtures('mmseg_registered')
PIXELS = np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)


def dataset(folder: Path) -> BaseSegDataset:
    for index in range(2):
        save(folder / f'images/{index}.png', PIXELS)
        save(folder / f'labels/{index}.png', PIXELS[..., 0] % 3)
    return BaseSegDataset(
        img_suffix='.png',
        data_root=str(folder),
        data_prefix={'img_path': 'images', 'seg_map_path': 'labels'},
        metainfo={'classes': ('a', 'b', 'c')},
        pipeline=[{'type': 'LoadImageFromFile'}, {'type': 'LoadAnnotations'}],
    )


def test_good_files_are_loaded_as_before(tmp_path: Path) -> None:
    plain, named = dataset(tmp_path), dataset(tmp_path)
    name_files(named)
    name_files(named)  # once more changes nothing
    assert [type(each) for each in named.pipeline.transforms] == [LoadCheckedImage, NamedLoading]
    for key in ('img', 'gt_seg_map'):
        np.testing.assert_array_equal(named[0][key], plain[0][key])
    assert 'LoadEightBitAnnotations' in repr(pickle.loads(pickle.dumps(named.pipeline)))


@pytest.mark.parametrize('content', [None, b'', b'no image', 'truncated'])
@pytest.mark.parametrize('kind', ['image', 'label'])
def test_a_file_that_cannot_be_loaded_is_named_inside_wrappers(tmp_path: Path, kind: str, content: object) -> None:
    whole = ConcatDataset([dataset(tmp_path), dataset(tmp_path)])
    name_files(whole)
    path = tmp_path / f'{kind}s/1.png'
    bytes_before = path.read_bytes()
    path.unlink()
    if content is not None:
        path.write_bytes(bytes_before[:300] if content == 'truncated' else bytes(content))  # type: ignore[call-overload]
    assert whole[2]['img'].shape == (32, 32, 3)
    with pytest.raises(LtsegError, match=f'{kind} file {path}: expected .*got .*'):
        whole[3]


FLOATS = np.array([[0, 1.7], [np.nan, 2]], np.float32)


@pytest.mark.parametrize(
    ('labels', 'expected'),
    [
        (FLOATS, 'expected integers, got numbers of the type float32'),
        (np.array([[0, 258]], np.uint16), r'expected values 0\.\.255, got 258'),
        (np.array([[0, -1]], np.int32), r'expected values 0\.\.255, got -1'),
        (np.zeros((4, 4, 3), np.uint8), 'expected one channel, got 3 channels'),
    ],
)
def test_labels_that_mmsegmentation_would_change_are_refused(tmp_path: Path, labels: np.ndarray, expected: str) -> None:
    save(path := tmp_path / 'labels.tif', labels)
    with pytest.raises(LtsegError, match=f'label file {path}: {expected}'):
        loaded(path)


@pytest.mark.parametrize('reduced', [False, True])
@pytest.mark.parametrize('label_map', [None, {}, {1: 2, 2: 1, 0: 255}])
@pytest.mark.parametrize('kind', [np.uint8, np.uint16, np.int32, bool])
@pytest.mark.parametrize('decoder', ['pillow', 'cv2'])
def test_labels_that_mmsegmentation_loads_right_are_the_same(
    reduced: bool, label_map: dict | None, kind: type, decoder: str, tmp_path: Path
) -> None:
    values = [0, 1] if kind is bool else [0, 1, 2, 3, 254, 255, *([65535] if kind != np.uint8 else [])]
    suffix = 'tif' if kind is np.int32 else 'png'
    save(path := tmp_path / f'labels.{suffix}', np.array([values] * 2, kind))
    settings = {'reduce_zero_label': reduced, 'label_map': label_map}
    plain, named = (loaded(path, named, decoder, **settings) for named in (False, True))
    np.testing.assert_array_equal(named['gt_seg_map'], plain['gt_seg_map'])
    assert named['gt_seg_map'].dtype == plain['gt_seg_map'].dtype and named['seg_fields'] == ['gt_seg_map']


def test_reduce_zero_label_of_the_pipeline_against_that_of_the_data_set(tmp_path: Path) -> None:
    save(path := tmp_path / 'labels.png', np.zeros((2, 2), np.uint8))
    with pytest.warns(UserWarning, match='reduce_zero_label'):
        pipeline = Compose([{'type': 'LoadAnnotations', 'reduce_zero_label': True}])
    name_files(SimpleNamespace(pipeline=pipeline))
    results = {'seg_map_path': str(path), 'seg_fields': []}
    with pytest.raises(LtsegError, match='expected False, as in the data set, got True. Set it in the data set only'):
        pipeline({**results, 'reduce_zero_label': False})
    hinted('Set it in the data set only.', lambda: pipeline({**results, 'reduce_zero_label': False}))
    assert (pipeline({**results, 'reduce_zero_label': True})['gt_seg_map'] == 255).all()
    pipeline = Compose([{'type': 'LoadAnnotations'}])
    name_files(SimpleNamespace(pipeline=pipeline))
    assert (pipeline({**results, 'reduce_zero_label': False})['gt_seg_map'] == 0).all()


def test_a_data_set_without_label_files_is_no_broken_file(tmp_path: Path) -> None:
    settings = {'data_root': str(tmp_path), 'metainfo': dataset(tmp_path).metainfo, 'img_suffix': '.png'}
    pipeline = [{'type': 'LoadImageFromFile'}, {'type': 'LoadAnnotations'}]
    without = BaseSegDataset(data_prefix={'img_path': 'images'}, pipeline=pipeline, **settings)
    name_files(without)
    with pytest.raises(LtsegError, match="expected 'seg_map_path' of each image, got none. Set data_prefix=dict"):
        without[0]


def loaded(path: Path, named: bool = True, decoder: str = 'pillow', **settings: object) -> dict:
    pipeline = Compose([{'type': 'LoadAnnotations', 'imdecode_backend': decoder}])
    if named:
        name_files(SimpleNamespace(pipeline=pipeline))
    return pipeline({'seg_map_path': str(path), 'seg_fields': [], 'reduce_zero_label': False, **settings})


def test_transforms_inside_transforms() -> None:
    pipeline = Compose(
        [
            {
                'type': 'TestTimeAug',
                'transforms': [[{'type': 'LoadImageFromFile'}], [{'type': 'LoadAnnotations'}]],
            }
        ]
    )
    name_files(SimpleNamespace(pipeline=pipeline))
    (augmented,) = pipeline.transforms
    assert [type(each) for each in augmented.subroutines[0].transforms] == [LoadCheckedImage, NamedLoading]


def test_loading_that_passes_over_empty_files_does_so(tmp_path: Path) -> None:
    loading = LoadImageFromFile(ignore_empty=True)
    name_files(SimpleNamespace(pipeline=(pipeline := Compose([loading]))))
    assert pipeline({'img_path': str(tmp_path / 'none.png')}) is None


def encoded(kind: str, **options: object) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(PIXELS).save(stream, kind, **options)
    return stream.getvalue()


@pytest.mark.parametrize('kind', ['PNG', 'JPEG', 'JPEG progressive', 'JPEG with thumbnail'])
def test_what_phones_write_behind_the_end_of_an_image_is_no_fault(kind: str) -> None:
    """At every length, a file is cut off or it is not."""
    options: dict = {'progressive': True} if 'progressive' in kind else {}
    if 'thumbnail' in kind:
        options['exif'] = b'Exif\x00\x00' + encoded('JPEG')  # which has an end of its own
    content = encoded(kind.split()[0], **options)
    check_not_truncated('image file', 'a', content)
    check_not_truncated('image file', 'a', content + bytes(300_000))
    for length in range(8, len(content), 7):
        with pytest.raises(ValueError, match=f'image file a: expected a whole file, got one cut off after {length} '):
            check_not_truncated('image file', 'a', content[:length])


def test_a_file_that_is_copied_or_found_is_loaded(tmp_path: Path) -> None:
    save(path := tmp_path / 'image.png', PIXELS)
    whole, found = path.read_bytes(), {'img_path': str(path)}
    loading, reading = NamedLoading(LoadImageFromFile()), LoadCheckedImage()
    path.write_bytes(b'no image')
    hinted('Copy or make it again, or take it out of the data set.', lambda: loading(dict(found)))
    hinted('Copy or make it again.', lambda: reading(dict(found)))
    path.unlink()
    hinted('Check data_root, data_prefix and the suffixes of the data set.', lambda: loading(dict(found)))
    hinted('Check data_root, data_prefix and the suffixes of the data set.', lambda: reading(dict(found)))
    path.write_bytes(whole)
    for each in (loading, reading):
        np.testing.assert_array_equal(each(dict(found))['img'], PIXELS[..., ::-1])


def test_folders_of_labels_are_loaded(tmp_path: Path) -> None:
    whole = dataset(tmp_path)
    without = BaseSegDataset(
        img_suffix='.png',
        data_root=str(tmp_path),
        data_prefix={'img_path': 'images'},
        pipeline=whole.pipeline.transforms,
    )
    name_files(without)
    hinted("Set data_prefix=dict(img_path='IMAGES', seg_map_path='LABELS').", lambda: without[0])
    name_files(whole)
    assert whole[0]['gt_seg_map'].shape == (32, 32)
