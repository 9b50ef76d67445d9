"""A data set of maps that a frozen backbone has computed before."""

import os
from typing import Any

import numpy as np
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample
from torch.utils.data import Dataset

from ltseg.datasets.feature_store import FeatureStore
from ltseg.registry import DATASETS

__all__ = ['CachedFeatures']


@DATASETS.register_module()
class CachedFeatures(Dataset):
    """What ``ltseg choose`` has kept of images: the maps of the backbone, and the labels.

    Args:
        folder: A :class:`ltseg.datasets.feature_store.FeatureStore` that is complete.

    Raises:
        FileNotFoundError: If there is no such folder, or it is not complete.

    Example:
        >>> import tempfile, torch
        >>> from ltseg.datasets import CachedFeatures
        >>> from ltseg.datasets.feature_store import FeatureStore
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     store = FeatureStore(folder)
        ...     store.write(0, [torch.ones(8, 2, 3)], torch.zeros(1, 16, 24).long(), {'img_shape': (16, 24)})
        ...     store.describe({'classes': ['road', 'car']})
        ...     dataset = CachedFeatures(folder)
        ...     len(dataset), dataset.metainfo['classes'], dataset.pixels_of_images().tolist()
        (1, ('road', 'car'), [[384, 0, 0]])
    """

    short_name = 'cached features'

    def __init__(self, folder: str | os.PathLike) -> None:
        self.store = FeatureStore(folder)
        self.metainfo = {'classes': tuple(self.store.description()['classes'])}
        self._written = self.store.written()

    def __len__(self) -> int:
        return len(self._written)

    def __getitem__(self, place: int) -> dict[str, Any]:
        features, labels, meta = self.store.read(self._written[place])
        sample = SegDataSample(gt_sem_seg=PixelData(data=labels), metainfo=meta)
        return {'inputs': features, 'data_samples': sample}

    def pixels_of_images(self) -> np.ndarray:
        """Pixels of each class in each item, and last of what is no class, (N, K + 1) int64; samplers ask for it."""
        size, ignored = len(self.metainfo['classes']), self.store.description().get('ignored')
        found = (self.store.read(index)[1].numpy().ravel() for index in self._written)
        labels = (np.where(each == ignored, size, each.clip(max=size)) for each in found)
        return np.stack([np.bincount(each, minlength=size + 1) for each in labels])
