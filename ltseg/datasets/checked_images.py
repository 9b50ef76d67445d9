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

# opencv gives a partly grey picture for a truncated file (JPEG always, PNG in some versions): look for its last marker.
MARKERS = ((b'\x89PNG', b'IEND'), (b'\xff\xd8', b'\xff\xd9'))
TRAILER = 1024  # bytes that some programs append behind the last marker


@TRANSFORMS.register_module()
class LoadCheckedImage(LoadImageFromFile):
    """mmcv's ``LoadImageFromFile``; a missing, truncated or undecodable file is an error that names it.

    Args:
        kwargs: mmcv's arguments but ``ignore_empty``, which would hide the fault.
    """

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Adds img (H, W, 3), img_shape and ori_shape.

        Raises:
            FileNotFoundError: If the file is missing.
            ValueError: If it cannot be decoded.
        """
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
    """Raises ValueError where the content of an image file is cut off; calls it ``what``."""
    for first, last in MARKERS:
        if content.startswith(first) and content.rfind(last, max(0, len(content) - TRAILER)) < 0:
            hint = 'Copy or make it again.'
            raise InvalidValueError(f'{what} {path}', 'a whole file', f'one cut off after {len(content)} bytes', hint)


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
