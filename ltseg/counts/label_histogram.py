"""How often each value occurs in label files.

Worker processes import this module, so it imports nothing heavy.
"""

import io
import os
import signal
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np
from PIL import Image

from ltseg.core.errors import UnusableLabelsError, WrongStateError

__all__ = ['NO_INTEGERS', 'label_histogram', 'label_histograms']

COLOURS = 'Labels are class indices; convert colour-coded labels first.'
NO_INTEGERS = 'Save the classes as 8-bit or 16-bit integers, and what has no class (often nan) as the ignored label.'

FILES_PER_WORKER = 16  # below that, starting one more process takes longer than it saves


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
        hint = 'Restore the file, or take it out of the data set.'
        raise UnusableLabelsError(where, 'a label image that can be read', str(error), hint) from error
    if values.ndim != 2 or values.dtype.kind not in 'bui':
        hint = NO_INTEGERS if values.dtype.kind == 'f' else COLOURS
        raise UnusableLabelsError(where, 'one channel of integers', f'{values.shape} {values.dtype}', hint)
    if values.size and not 0 <= values.min() <= values.max() <= 65535:
        raise UnusableLabelsError(where, 'values from 0 to 65535', repr((int(values.min()), int(values.max()))))
    return np.bincount(values.ravel(), minlength=256)


def _stream(path: str, backend_args: dict[str, Any] | None) -> str | io.BytesIO:
    if backend_args is None:
        return path
    from mmengine import fileio

    return io.BytesIO(fileio.get(path, backend_args=backend_args))


@contextmanager
def label_histograms(
    paths: Sequence[str], workers: int | None = None, backend_args: dict[str, Any] | None = None
) -> Iterator[Iterator[np.ndarray]]:
    """The histogram of each file, in order; leaving the context early stops the workers.

    Args:
        paths: The label files.
        workers: Processes that decode; None chooses, 1 decodes in this one.
        backend_args: As in ``label_histogram``.

    Raises:
        RuntimeError: If a worker dies.
    """
    count = partial(label_histogram, backend_args=backend_args)
    if workers is None:
        cores = len(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else os.cpu_count() or 1
        workers = min(cores, len(paths) // FILES_PER_WORKER)
    if workers <= 1:
        yield map(count, paths)
        return
    # Workers ignore Ctrl-C: it reaches this process too, which cancels what is left and ends them.
    with ProcessPoolExecutor(workers, initializer=signal.signal, initargs=(signal.SIGINT, signal.SIG_IGN)) as pool:
        try:
            yield pool.map(count, paths, chunksize=max(1, min(8, len(paths) // (4 * workers))))
        except BrokenProcessPool as error:
            hint = 'It may have run out of memory; use fewer workers.'
            raise WrongStateError('counting', 'workers that live', 'one that died', hint) from error
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise
