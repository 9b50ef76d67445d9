"""Transforms of MMSegmentation and MMPretrain name the file that they cannot load."""

import io
import pickle
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
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
    assert 'LoadAnnotations' in repr(pickle.loads(pickle.dumps(named.pipeline)))


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
