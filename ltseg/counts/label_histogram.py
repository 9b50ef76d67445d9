"""How often each value occurs in one label file.

Worker processes import this module, so it imports nothing heavy.
"""

import io
from typing import Any

import numpy as np
from PIL import Image

from ltseg.core.checks import fault

__all__ = ['label_histogram']


def label_histogram(path: str, backend_args: dict[str, Any] | None = None) -> np.ndarray:
    """Decodes a label file and counts its values.

    Pillow decodes, as in MMSegmentation's ``LoadAnnotations``: palette images give indices, and a truncated file is an
    error (OpenCV returns what it could read). An 8-bit map is counted where it was decoded, without a copy.

    Args:
        path: The label file.
        backend_args: mmengine's file backend; None reads from the file system.

    Returns:
        Pixels of each value, (256,) int64, or longer for 16-bit labels with larger values.

    Raises:
        ValueError: If the file cannot be decoded or is not one channel of values from 0 to 65535.
    """
    where = f'label file {path}'
    try:
        with Image.open(_stream(path, backend_args)) as image:
            if image.mode in ('L', 'P'):
                return np.array(image.histogram(), dtype=np.int64)
            values = np.asarray(image)
    except Exception as error:  # decoders raise nearly anything on broken files
        cure = 'Restore the file, or take it out of the data set.'
        raise ValueError(fault(where, 'a label image that can be read', str(error), cure)) from error
    if values.ndim != 2 or values.dtype.kind not in 'bui':
        cure = 'Labels are class indices; convert colour-coded labels first.'
        raise ValueError(fault(where, 'one channel of integers', f'{values.shape} {values.dtype}', cure))
    if values.size and not 0 <= values.min() <= values.max() <= 65535:
        raise ValueError(fault(where, 'values from 0 to 65535', (int(values.min()), int(values.max()))))
    return np.bincount(values.ravel(), minlength=256)


def _stream(path: str, backend_args: dict[str, Any] | None) -> str | io.BytesIO:
    if backend_args is None:
        return path
    from mmengine import fileio

    return io.BytesIO(fileio.get(path, backend_args=backend_args))
