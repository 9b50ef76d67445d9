"""What the classification data sets share: labels, and one message for data that are not there."""

from typing import Any

import numpy as np
from mmengine.dataset import BaseDataset, force_full_init

from ltseg.core.errors import InvalidValueError, MissingFileError

__all__ = ['LabelledImages', 'labels_of']


class LabelledImages(BaseDataset):
    """Images with one label each, as mmpretrain's data sets have them; needs mmengine only.

    Attributes:
        GUIDE: Where the data come from and how they are laid out; ``{root}`` stands for the data root.

    Example:
        >>> from ltseg.datasets.labelled_images import LabelledImages
        >>> class Pets(LabelledImages):
        ...     METAINFO = {'classes': ('cat', 'owl')}
        ...     def load_data_list(self):
        ...         return [{'gt_label': label} for label in (0, 0, 1)]
        >>> Pets().CLASSES, Pets().get_gt_labels().tolist(), Pets().get_cat_ids(2)
        (('cat', 'owl'), [0, 0, 1], [1])
    """

    GUIDE = ''

    @property
    def CLASSES(self) -> tuple[str, ...]:  # noqa: N802, mmpretrain's name
        """Names of the classes."""
        return tuple(self._metainfo['classes'])

    @force_full_init
    def get_gt_labels(self) -> np.ndarray:
        """Labels of all images, (N,) int64."""
        return np.array([self.get_data_info(index)['gt_label'] for index in range(len(self))], np.int64)

    def get_cat_ids(self, idx: int) -> list[int]:
        """The label of an image, as a list."""
        return [int(self.get_data_info(idx)['gt_label'])]

    def _missing(self, expected: str, got: str) -> MissingFileError:
        guide = self.GUIDE.replace('{root}', (self.data_root or '.').rstrip('/'))
        return MissingFileError(type(self).__name__, expected, got, guide)


def labels_of(dataset: Any) -> np.ndarray:
    """Labels of the images of any data set or wrapper of mmengine or mmpretrain, (N,) int64.

    Raises:
        ValueError: If an image has no label, or several.
    """
    getattr(dataset, 'full_init', lambda: None)()
    if hasattr(dataset, 'get_gt_labels'):
        labels = np.asarray(dataset.get_gt_labels())
    else:
        found = [dataset.get_data_info(index).get('gt_label', -1) for index in range(len(dataset))]
        labels = np.array([each if np.ndim(each) == 0 else -1 for each in found])
    if labels.ndim != 1 or labels.dtype.kind not in 'iu' or (labels < 0).any():
        name = type(dataset).__name__
        raise InvalidValueError(name, 'one label of at least 0 for each image', f'labels of shape {labels.shape}')
    return labels.astype(np.int64)
