"""Classes cut out of one labelled image and pasted into another."""

from collections.abc import Sequence
from typing import Any

import mmcv
import numpy as np

from ltseg.core.errors import InvalidValueError

__all__ = ['check_alike', 'check_labelled', 'paste_classes']

NOT_LOADED = 'Paste behind the loading of image and labels, and let only the pipeline that pastes pack.'
RESIZE_BOTH = 'Let each transform resize image and labels alike.'
SAME_VALUES = 'Paste before what changes the type or the channels of images, or do that in the pipeline inside too.'


def check_labelled(where: str, sample: Any) -> None:
    """Raises InvalidValueError unless a sample of a pipeline has an image and labels of its size."""
    image, labels = (sample.get(key) if isinstance(sample, dict) else None for key in ('img', 'gt_seg_map'))
    if not (isinstance(image, np.ndarray) and isinstance(labels, np.ndarray)):
        got = ', '.join(map(repr, sample)) if isinstance(sample, dict) else repr(type(sample).__name__)
        raise InvalidValueError(where, "a sample with the arrays 'img' and 'gt_seg_map'", got, NOT_LOADED)
    if image.shape[:2] != labels.shape:
        expected = f'labels of the size of the image, {image.shape[:2]}'
        raise InvalidValueError(where, expected, repr(labels.shape), RESIZE_BOTH)


def check_alike(where: str, target: np.ndarray, source: np.ndarray) -> None:
    """Raises InvalidValueError where pixels of one image mean something else than those of the other."""
    if (source.dtype, source.shape[2:]) != (target.dtype, target.shape[2:]):
        expected, got = (f'{image.dtype} with channels {image.shape[2:]}' for image in (target, source))
        raise InvalidValueError(where, expected, got, SAME_VALUES)


def paste_classes(
    target: dict[str, Any], source: dict[str, Any], classes: Sequence[int] | np.ndarray, ratio: float = 1.0
) -> None:
    """Pastes all pixels of some classes of one sample into another, image and labels alike.

    The source is resized as a whole, the image bilinearly and the labels to the nearest pixel, and gets a random place:
    where it fits, each place inside the target is equally likely. A source that is larger than the target covers it,
    such that the pixels of the classes are inside, or, if their extent is larger too, such that this covers the target.

    Args:
        target: Sample with 'img' (H, W, ...) and 'gt_seg_map' (H, W), which are replaced by others.
        source: Sample with the same, of any size; it stays as it is.
        classes: Labels that are pasted; if the source has none of them, nothing is.
        ratio: Sides of what is pasted in relation to those of the source.

    Example:
        >>> import numpy as np
        >>> from ltseg.datasets.cut_outs import paste_classes
        >>> labels = [np.array([[0, 0, 0]]), np.array([[2, 1, 2]])]
        >>> target, source = ({'img': 10 * each, 'gt_seg_map': each} for each in labels)
        >>> paste_classes(target, source, classes=[1])
        >>> target['img'].tolist(), target['gt_seg_map'].tolist()
        ([[0, 10, 0]], [[0, 1, 0]])
    """
    image = source['img']
    height, width = (max(round(side * ratio), 1) for side in image.shape[:2])
    labels = _nearest(source['gt_seg_map'], height, width)
    mask = np.isin(labels, classes)
    if not mask.any():
        return
    if image.shape[:2] != mask.shape:
        image = mmcv.imresize(image, (width, height), interpolation='bilinear').reshape(*mask.shape, *image.shape[2:])
    places = [_place(target['img'].shape[axis], np.any(mask, 1 - axis)) for axis in (0, 1)]
    inside, taken = tuple(to for to, _ in places), tuple(of for _, of in places)
    for key, pasted in (('img', image), ('gt_seg_map', labels)):
        target[key] = target[key].copy()
        target[key][inside][mask[taken]] = pasted[taken][mask[taken]]


def _nearest(labels: np.ndarray, height: int, width: int) -> np.ndarray:
    """Labels (H, W) of any type at another size, without new values."""
    rows, columns = (np.arange(new) * old // new for new, old in zip((height, width), labels.shape, strict=True))
    return labels[rows[:, None], columns]


def _place(target: int, is_class: np.ndarray) -> tuple[slice, slice]:
    """A random place along one axis: pixels of the target, and the pixels of the source that come there.

    Args:
        target: Pixels of the target along the axis.
        is_class: Which pixels of the source along the axis have one of the classes, (pixels,) bool; one at least.
    """
    size, places = len(is_class), np.flatnonzero(is_class)
    low, high = sorted((0, target - size))
    if size > target:
        first, last = sorted((-places[0], target - places[-1] - 1))
        low, high = max(low, first), min(high, last)
    begin = np.random.randint(low, high + 1)
    start, stop = max(begin, 0), min(begin + size, target)
    return slice(start, stop), slice(start - begin, stop - begin)
