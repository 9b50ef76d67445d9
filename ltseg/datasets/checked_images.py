"""Loading of images that names the file when one is broken."""

from typing import Any

import cv2
import mmcv
import numpy as np
from mmcv.transforms import LoadImageFromFile
from mmengine import fileio
from PIL import Image

from ltseg.core.errors import InvalidValueError, MissingFileError
from ltseg.registry import TRANSFORMS

__all__ = ['LoadCheckedImage', 'check_not_truncated', 'decode', 'read_whole']

PNG, JPEG = b'\x89PNG\r\n\x1a\n', b'\xff\xd8'
END_OF_JPEG = b'\xff\xd9'
SCAN, WITHOUT_LENGTH = 0xDA, {0x01, *range(0xD0, 0xD9), 0xFF}  # JPEG's markers: of the pixels, and of nothing


@TRANSFORMS.register_module()
class LoadCheckedImage(LoadImageFromFile):
    """mmcv's ``LoadImageFromFile``; a missing, truncated or undecodable file is an error that names it.

    Args:
        kwargs: mmcv's arguments but ``ignore_empty``, which would hide the fault.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> import numpy as np
        >>> from PIL import Image
        >>> from ltseg.datasets import LoadCheckedImage
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = Path(folder, 'a.png')
        ...     Image.fromarray(np.zeros((4, 6, 3), np.uint8)).save(path)
        ...     print(LoadCheckedImage()({'img_path': str(path)})['img'].shape)
        ...     _ = path.write_bytes(path.read_bytes()[:40])
        ...     try:
        ...         LoadCheckedImage()({'img_path': str(path)})
        ...     except ValueError as error:
        ...         print(error.got)
        (4, 6, 3)
        one cut off after 40 bytes
    """

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Adds img (H, W, 3), img_shape and ori_shape, unless there is an image that is from no file.

        Raises:
            FileNotFoundError: If the file is missing.
            ValueError: If it cannot be decoded.
        """
        if 'img' in results and 'img_path' not in results:
            return results  # MMPretrain's inferencer has loaded it
        content = read_whole('image file', results['img_path'], self.backend_args)
        image = decode('image file', results['img_path'], content, self.color_type, self.imdecode_backend)
        results['img'] = image.astype(np.float32) if self.to_float32 else image
        results['img_shape'] = results['ori_shape'] = image.shape[:2]
        return results


def read_whole(what: str, path: str, backend_args: dict[str, Any] | None) -> bytes:
    """The content of a file.

    Raises:
        FileNotFoundError: If the file is missing; calls it ``what``.
        ValueError: If it is cut off.
    """
    try:
        content = fileio.get(path, backend_args=backend_args)
    except FileNotFoundError:
        hint = 'Check data_root, data_prefix and the suffixes of the data set.'
        raise MissingFileError(f'{what} {path}', 'a file', 'none', hint) from None
    check_not_truncated(what, path, content)
    return content


def check_not_truncated(what: str, path: str, content: bytes) -> None:
    """Raises ValueError where the content of an image file is cut off; calls it ``what``.

    OpenCV gives a partly grey picture for such a file (JPEG always, PNG in some versions). What stands behind the end
    of the picture, as phones write it there, is nobody's fault.
    """
    whole = _png_ends(content) if content.startswith(PNG) else not content.startswith(JPEG) or _jpeg_ends(content)
    if not whole:
        hint = 'Copy or make it again.'
        raise InvalidValueError(f'{what} {path}', 'a whole file', f'one cut off after {len(content)} bytes', hint)


def _png_ends(content: bytes) -> bool:
    place = len(PNG)
    while place + 12 <= len(content):  # length, type and checksum
        length, kind = int.from_bytes(content[place : place + 4], 'big'), content[place + 4 : place + 8]
        place += 12 + length
        if kind == b'IEND':
            return place <= len(content)
    return False


def _jpeg_ends(content: bytes) -> bool:
    """Whether pixels begin and end; the thumbnail in a header has an end of its own."""
    place = len(JPEG)
    while place + 4 <= len(content) and content[place] == 0xFF:
        marker = content[place + 1]
        if marker == SCAN:
            return content.find(END_OF_JPEG, place) >= 0  # pixels never look like it
        place += 1 if marker == 0xFF else 2
        if marker not in WITHOUT_LENGTH:
            place += int.from_bytes(content[place : place + 2], 'big')
    return False


def decode(what: str, path: str, content: bytes, flag: str, backend: str) -> np.ndarray:
    """The pixels of an image file's content.

    Raises:
        ValueError: If it cannot be decoded; calls it ``what``.
    """
    try:
        pixels = mmcv.imfrombytes(content, flag=flag, backend=backend)
    except (cv2.error, OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        reason = str(error).strip().splitlines()[-1]
    else:
        if pixels is not None:
            return pixels
        reason = f'{len(content)} bytes that are none'
    raise InvalidValueError(f'{what} {path}', 'a picture that can be decoded', reason, 'Copy or make it again.')
