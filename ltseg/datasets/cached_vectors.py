"""A data set of vectors that a frozen backbone and neck have computed before."""

import os
from typing import Any

import numpy as np
import torch
from torch.utils.data import Dataset

from ltseg.datasets.feature_store import FeatureStore
from ltseg.registry import DATASETS

__all__ = ['CachedVectors']


@DATASETS.register_module()
class CachedVectors(Dataset):
    """What ``ltseg choose`` has kept of the images of a classifier: what enters the head, and the labels.

    Args:
        folder: A :class:`ltseg.datasets.feature_store.FeatureStore` that is complete. Each of its files holds the
            vectors of N images as one map (D, N, 1), and their labels as (1, N, 1).

    Raises:
        FileNotFoundError: If there is no such folder, or it is not complete.

    Example:
        >>> import tempfile, torch
        >>> from ltseg.datasets import CachedVectors
        >>> from ltseg.datasets.feature_store import FeatureStore
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     store = FeatureStore(folder)
        ...     store.write(0, [torch.arange(6.0).view(3, 2, 1)], torch.tensor([[[1], [0]]]), {})
        ...     store.describe({'classes': ['cat', 'owl']})
        ...     dataset = CachedVectors(folder)
        ...     dataset[1]['inputs'].tolist(), dataset[1]['data_samples'].gt_label.tolist(), dataset.get_gt_labels()
        ([1.0, 3.0, 5.0], [0], array([1, 0]))
    """

    short_name = 'cached vectors'

    def __init__(self, folder: str | os.PathLike) -> None:
        store = FeatureStore(folder)
        self.metainfo = {'classes': tuple(store.description()['classes'])}
        files = [store.read(index) for index in store.written()]
        self._vectors = [features[0].flatten(1).T for features, _, _ in files]  # (N, D) each
        self._labels = torch.cat([labels.flatten() for _, labels, _ in files])
        self._ends = np.cumsum([len(vectors) for vectors in self._vectors])

    def __len__(self) -> int:
        return len(self._labels)

    def __getitem__(self, place: int) -> dict[str, Any]:
        from mmpretrain.structures import DataSample

        file = int(np.searchsorted(self._ends, place, side='right'))
        vectors, end = self._vectors[file], int(self._ends[file])
        sample = DataSample().set_gt_label(self._labels[place])
        return {'inputs': vectors[place - end], 'data_samples': sample}

    def get_gt_labels(self) -> np.ndarray:
        """Labels of all items, (N,) int64; samplers ask for them."""
        return self._labels.numpy()
