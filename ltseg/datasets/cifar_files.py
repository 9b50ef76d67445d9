"""The files of CIFAR: official Python batches, and trees of pictures, unpacked or in a zip file."""

import io
import lzma
import os
import pickle
import warnings
import zipfile
import zlib
from pathlib import Path, PurePosixPath
from typing import Any

import cv2
import numpy as np
from PIL import Image

from ltseg.core.errors import InvalidValueError, MissingFileError
from ltseg.datasets.checked_images import check_not_truncated, decode

__all__ = ['SIDE', 'find_batches', 'find_pictures', 'read_batches', 'read_pictures']

SIDE = 32  # pixels
LARGEST = 2**20  # bytes of a file; 32 x 32 pixels have 3072
SUFFIXES = ('.png', '.jpg', '.jpeg')
BATCHES = {
    (10, 'train'): ('cifar-10-batches-py', [f'data_batch_{number}' for number in range(1, 6)]),
    (10, 'test'): ('cifar-10-batches-py', ['test_batch']),
    (100, 'train'): ('cifar-100-python', ['train']),
    (100, 'test'): ('cifar-100-python', ['test']),
}
# All that the official files are made of: a pickle may otherwise call any function.
ALLOWED = {
    ('numpy.core.multiarray', '_reconstruct'),
    ('numpy._core.multiarray', '_reconstruct'),
    ('numpy', 'ndarray'),
    ('numpy', 'dtype'),
    ('_codecs', 'encode'),
}
AGAIN = 'Unpack it again from the archive of https://www.cs.toronto.edu/~kriz/cifar.html.'


def find_batches(root: str, num_classes: int, split: str) -> list[Path]:
    """The official files of a split in ``root`` or in the archive's folder below it; empty where there are none.

    Raises:
        FileNotFoundError: If some of them are missing.
    """
    folder, names = BATCHES[num_classes, split]
    for place in (Path(root) / folder, Path(root)):
        paths = [place / name for name in names]
        missing = [str(path) for path in paths if not path.is_file()]
        if missing and len(missing) < len(paths):
            raise MissingFileError('CIFARDataset', f'{len(paths)} batches in {str(place)!r}', repr(missing), AGAIN)
        if not missing:
            return paths
    return []


def read_batches(paths: list[Path], num_classes: int) -> tuple[np.ndarray, list[int]]:
    """Images (N, 32, 32, 3) uint8 and labels of official files.

    Raises:
        ValueError: If a file is broken; names it.
    """
    rows, labels = [], []
    for path in paths:
        try:
            raw = path.read_bytes()
            content = _Unpickler(io.BytesIO(raw), encoding='latin1').load()
            data = content['data']
            if not isinstance(data, np.ndarray) or data.dtype != np.uint8 or data.size > len(raw):
                raise ValueError('data that is no array of bytes, or larger than the file')
            part = data.reshape(-1, 3, SIDE, SIDE)
            own = [int(label) for label in content['labels' if num_classes == 10 else 'fine_labels']]
        except Exception as error:
            raise InvalidValueError(f'batch file {path}', 'a batch of CIFAR', _reason(error), AGAIN) from error
        if len(part) != len(own) or not all(0 <= label < num_classes for label in own):
            raise InvalidValueError(
                f'batch file {path}', f'a label below {num_classes} for each image', repr(own[:5]), AGAIN
            )
        rows.append(part)
        labels += own
    return np.ascontiguousarray(np.concatenate(rows).transpose(0, 2, 3, 1)), labels


def find_pictures(root: str, split: str) -> list[tuple[str, str]]:
    """Class folder and path, sorted, of the pictures of a split in a folder or in a zip file; its paths are inside it.

    Raises:
        ValueError: If the zip file is broken.
    """
    if _is_zip(root):
        try:
            with zipfile.ZipFile(root) as archive:
                paths = [PurePosixPath(name) for name in archive.namelist()]
        except (OSError, zipfile.BadZipFile) as error:
            raise InvalidValueError(f'zip file {root}', 'a zip file that can be read', _reason(error)) from error
        found = [(path.parent.name, str(path)) for path in paths if len(path.parts) >= 3 and path.parts[-3] == split]
    else:
        places = os.path.join(root, split)
        folders = [entry for entry in os.scandir(places) if entry.is_dir()] if os.path.isdir(places) else []
        found = [(folder.name, f'{folder.path}/{name}') for folder in folders for name in os.listdir(folder.path)]
    return sorted((folder, path) for folder, path in found if path.lower().endswith(SUFFIXES))


def read_pictures(root: str, paths: list[str]) -> np.ndarray:
    """Decodes pictures, (N, 32, 32, 3) uint8 red, green, blue.

    Raises:
        ValueError: If a picture cannot be decoded or has another size; names it.
    """
    images = np.empty((len(paths), SIDE, SIDE, 3), np.uint8)
    with zipfile.ZipFile(root) if _is_zip(root) else _Folder() as source:
        for image, path in zip(images, paths, strict=True):
            image[:] = _decoded(path, _content_of(source, path))
    return images


def _content_of(source: 'zipfile.ZipFile | _Folder', path: str) -> bytes:
    """The content of a picture; its size is looked at first, because a small zip file can hold very large ones."""
    try:
        size = source.getinfo(path).file_size
        if size > LARGEST:
            raise InvalidValueError(f'image file {path}', f'at most {LARGEST:,} bytes', f'{size:,}')
        return source.read(path)
    except (OSError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error, lzma.LZMAError) as error:
        raise InvalidValueError(f'image file {path}', 'a file that can be read', _reason(error)) from error


def _decoded(path: str, content: bytes) -> np.ndarray:
    check_not_truncated('image file', path, content)
    _check_size(path, content)
    return cv2.cvtColor(decode('image file', path, content, 'color', 'cv2'), cv2.COLOR_BGR2RGB)


def _check_size(path: str, content: bytes) -> None:
    """Looks at the size in the header, because a small file can be a very large picture."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter('ignore', Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(content)) as picture:
                width, height = picture.size
    except (OSError, ValueError, SyntaxError):
        return  # no picture, as decoding it says in its own words
    except Image.DecompressionBombError as error:
        raise InvalidValueError(f'image file {path}', f'a picture of {SIDE} x {SIDE}', str(error)) from error
    if (height, width) != (SIDE, SIDE):
        raise InvalidValueError(f'image file {path}', f'a picture of {SIDE} x {SIDE}', f'{height} x {width}')


class _Folder:
    """Reads files as an open ``ZipFile`` does."""

    def __enter__(self) -> '_Folder':
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def getinfo(self, path: str) -> zipfile.ZipInfo:
        return zipfile.ZipInfo.from_file(path, strict_timestamps=False)

    def read(self, path: str) -> bytes:
        return Path(path).read_bytes()


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in ALLOWED:
            raise pickle.UnpicklingError(f'it calls {module}.{name}')
        return super().find_class(module, name)


def _is_zip(root: str) -> bool:
    return os.path.isfile(root) and zipfile.is_zipfile(root)


def _reason(error: Exception) -> str:
    return f'{type(error).__name__}: {error}'
