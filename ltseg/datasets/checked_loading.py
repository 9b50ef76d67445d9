"""Loading of labels that names the file when one is broken."""

from typing import Any

import cv2
import numpy as np
from mmseg.datasets.transforms import LoadAnnotations

from ltseg.core.errors import InvalidValueError
from ltseg.counts.ignored_pixels import MMSEG_IGNORED
from ltseg.counts.label_files import labels_of_values
from ltseg.counts.label_histogram import NO_INTEGERS
from ltseg.counts.many_classes import needs_16_bits
from ltseg.datasets.checked_images import decode, read_whole
from ltseg.registry import TRANSFORMS

__all__ = ['LoadCheckedAnnotations', 'read_labels']

VOID_16 = 2**16 - 1  # a usual void of 16-bit files
WIDE = (
    'Save classes as 0..254 and what has no class as 255. For more than 255 classes give num_classes and '
    'ignore_index to ltseg.LoadCheckedAnnotations.'
)


@TRANSFORMS.register_module()
class LoadCheckedAnnotations(LoadAnnotations):
    """MMSegmentation's ``LoadAnnotations`` for label images, checked; palette images give their indices.

    An image that no data set gives, as ``mmseg.apis.inference_model`` does, has no labels to load.

    Labels of more classes than 8 bits hold, which MMSegmentation's loader would fold into the first 256, keep 16 bits.

    Args:
        num_classes: Classes in the label files, after ``reduce_zero_label`` and before the data set's label map. None
            takes what the data set says (those of ltseg do); where nobody says it, values are not checked.
        ignore_index: Ignored label. None takes the data set's, or 255; more than 255 classes need another, e.g. 65535.
        backend_args: mmengine's file backend; None reads from the file system.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> import numpy as np
        >>> from PIL import Image
        >>> from ltseg.datasets import LoadCheckedAnnotations
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = Path(folder, 'labels.png')
        ...     Image.fromarray(np.array([[0, 1, 7], [2, 7, 255]], np.uint8)).save(path)
        ...     try:
        ...         LoadCheckedAnnotations(num_classes=3)({'seg_map_path': str(path), 'seg_fields': []})
        ...     except ValueError as error:
        ...         print(error.expected, error.got, sep='; ')
        values 0..2 for classes, or 255 for ignored pixels; value 7 (2 pixels)
    """

    def __init__(
        self,
        num_classes: int | None = None,
        ignore_index: int | None = None,
        backend_args: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(backend_args=backend_args)
        self.num_classes, self.ignore_index = num_classes, ignore_index

    def _load_seg_map(self, results: dict[str, Any]) -> None:
        """Adds gt_seg_map, (H, W) uint8, or uint16 for more than 255 classes.

        Raises:
            FileNotFoundError: If the file is missing.
            ValueError: If it cannot be decoded, has several channels, another size than the image, or a value that is
                no class.
        """
        if not {'seg_map_path', 'seg_fields'} & results.keys():
            return  # an image of no data set, for a prediction
        path = results['seg_map_path']
        num_classes = self.num_classes or results.get('num_classes')
        is_wide = needs_16_bits(num_classes or 0, bool(results.get('reduce_zero_label')))
        labels = read_labels(path, self.backend_args, is_wide)
        if labels.shape != tuple(results.get('ori_shape', labels.shape)):
            size = ' x '.join(map(str, results['ori_shape']))
            got = ' x '.join(map(str, labels.shape))
            expected = f'the height and width of its image {results.get("img_path")}, {size}'
            raise InvalidValueError(f'label file {path}', expected, got)
        results['gt_seg_map'] = self._classes_of(labels, results, num_classes, is_wide)
        results['seg_fields'].append('gt_seg_map')

    def _classes_of(
        self, labels: np.ndarray, results: dict[str, Any], num_classes: int | None, is_wide: bool
    ) -> np.ndarray:
        label_map, reduced = results.get('label_map') or {}, bool(results.get('reduce_zero_label'))
        ignored = self.ignore_index if self.ignore_index is not None else results.get('ignore_index', MMSEG_IGNORED)
        void = ignored if is_wide else MMSEG_IGNORED
        numbers = np.arange(VOID_16 + 1 if is_wide else 256)
        given = np.where(numbers == VOID_16, ignored, numbers)
        values, classes = labels_of_values(given, reduced, label_map.items(), void)
        if num_classes is not None:
            legal = (values < num_classes) | np.isin(values, [ignored, void, *label_map])
            _check_values(results['seg_map_path'], labels, legal, ignored)
        if np.array_equal(classes, numbers):
            return labels
        return classes.astype(np.uint16)[labels] if is_wide else cv2.LUT(labels, classes.astype(np.uint8))


def read_labels(
    path: str, backend_args: dict[str, Any] | None = None, is_wide: bool = False, decoder: str = 'pillow'
) -> np.ndarray:
    """The values in a label file, (H, W) uint8; 65535, a usual void of 16-bit files, becomes 255.

    Where ``is_wide``, all values are as they are in the file, (H, W) uint16. ``decoder`` is a backend of
    ``mmcv.imfrombytes``: Pillow is as fast as OpenCV here, which turns a palette image into colours.

    Raises:
        FileNotFoundError: If the file is missing.
        ValueError: If it cannot be decoded, has several channels, no integers, or values that so many bits cannot hold.
    """
    content = read_whole('label file', path, backend_args)
    labels = decode('label file', path, content, 'unchanged', decoder)
    if labels.ndim > 2 and labels.size == labels.shape[0] * labels.shape[1]:
        labels = labels.reshape(labels.shape[:2])  # one channel
    if labels.ndim > 2:
        hint = 'Labels are class indices, grey or with a palette, not colours.'
        raise InvalidValueError(f'label file {path}', 'one channel', f'{labels.shape[2]} channels', hint)
    if labels.dtype.kind not in 'bui':
        raise InvalidValueError(f'label file {path}', 'integers', f'numbers of the type {labels.dtype}', NO_INTEGERS)
    if labels.dtype not in (np.uint8, bool):
        largest = VOID_16 if is_wide else 255
        outside = labels[(labels < 0) | (labels > largest) & (labels != VOID_16)]
        if outside.size:
            hint = '' if is_wide else WIDE
            raise InvalidValueError(f'label file {path}', f'values 0..{largest}', repr(int(outside[0])), hint)
    return labels.astype(np.uint16 if is_wide else np.uint8, copy=False)


def _check_values(path: str, labels: np.ndarray, legal: np.ndarray, ignored: int) -> None:
    illegal = (~legal).astype(np.uint8)
    wrong = cv2.LUT(labels, illegal) if labels.dtype == np.uint8 else illegal[labels]
    if cv2.countNonZero(wrong):
        values, pixels = np.unique(labels[wrong > 0], return_counts=True)
        got = 'value ' + ', '.join(f'{value} ({n} pixels)' for value, n in zip(values[:8], pixels, strict=False))
        classes = np.flatnonzero(legal[:-1])
        expected = f'values {classes[0]}..{classes[-1]} for classes, or {ignored} for ignored pixels'
        hint = 'Check classes, reduce_zero_label and ignore_index of the data set, and that this is its label format.'
        raise InvalidValueError(f'label file {path}', expected, got, hint)
