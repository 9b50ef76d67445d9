"""MMSegmentation's loading of labels, for files that hold what it takes them for: integers of 8 bits."""

from typing import Any

import cv2
import numpy as np
from mmseg.datasets.transforms import LoadAnnotations

from ltseg.core.errors import InvalidValueError
from ltseg.counts.label_files import NO_LABELS, labels_of_values
from ltseg.datasets.checked_loading import read_labels

__all__ = ['LoadEightBitAnnotations']


class LoadEightBitAnnotations(LoadAnnotations):
    """MMSegmentation's ``LoadAnnotations``; labels that it would change without a word are an error.

    MMSegmentation casts whatever it has decoded to 8 bits: 1.7 becomes 1, nan some class, and 258 becomes 2. Labels
    that it loads right are the same here, 65535, a usual void of 16-bit files, included.

    Source: ``mmseg.datasets.transforms.LoadAnnotations``.

    Example:
        >>> import tempfile
        >>> import numpy as np
        >>> from PIL import Image
        >>> from ltseg.datasets.eight_bit_labels import LoadEightBitAnnotations
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     Image.fromarray(np.array([[1, 258]], np.uint16)).save(f'{folder}/0.png')
        ...     try:
        ...         LoadEightBitAnnotations()({'seg_map_path': f'{folder}/0.png', 'reduce_zero_label': False})
        ...     except ValueError as error:
        ...         print('expected', error.expected, 'got', error.got)
        expected values 0..255 got 258
    """

    @classmethod
    def like(cls, loading: LoadAnnotations) -> 'LoadEightBitAnnotations':
        """One with the settings of MMSegmentation's."""
        made = cls(backend_args=loading.backend_args, imdecode_backend=loading.imdecode_backend)
        made.reduce_zero_label = loading.reduce_zero_label  # as an argument, it would warn once more
        return made

    def _load_seg_map(self, results: dict[str, Any]) -> None:
        """Adds gt_seg_map, (H, W) uint8.

        Raises:
            FileNotFoundError: If the file is missing.
            ValueError: If the data set names none, or it cannot be decoded, has several channels, no integers or values
                that 8 bits cannot hold, or the pipeline contradicts the data set on ``reduce_zero_label``.
        """
        path, reduced = results.get('seg_map_path'), results['reduce_zero_label']
        if not path:
            raise InvalidValueError('LoadAnnotations', "'seg_map_path' of each image", 'none', NO_LABELS)
        if self.reduce_zero_label not in (None, reduced):
            expected, hint = f'{reduced}, as in the data set', 'Set it in the data set only.'
            raise InvalidValueError('LoadAnnotations.reduce_zero_label', expected, repr(not reduced), hint)
        labels = read_labels(path, self.backend_args, decoder=self.imdecode_backend)
        label_map = results.get('label_map') or {}
        if reduced or label_map:
            _, classes = labels_of_values(np.arange(256), reduced, label_map.items())
            labels = cv2.LUT(labels, classes.astype(np.uint8))
        results['gt_seg_map'] = labels
        results['seg_fields'].append('gt_seg_map')
