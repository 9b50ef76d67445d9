"""What wrappers of classification data sets share that choose images, or their labels."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from mmengine.dataset import force_full_init

from ltseg.core.labelled_batches import LabelledBatch
from ltseg.registry import DATASETS

__all__ = ['LabelledWrapper', 'relabelled', 'relabelled_batch']


def relabelled(sample: Any, label: int) -> Any:
    """What a pipeline has made of an image, with another label."""
    packed = sample.get('data_samples')
    if packed is None:
        return {**sample, 'gt_label': label}
    packed.set_gt_label(label)
    return sample


def relabelled_batch(batch: LabelledBatch, labels: np.ndarray) -> LabelledBatch:
    """Samples of many images with other labels (N,)."""
    return replace(batch, samples=replace(batch.samples, labels=torch.from_numpy(labels)))


class LabelledWrapper(ABC):
    """Another data set with labels that are chosen once, at the end of ``__init__``.

    Args:
        dataset: The data set, or its config.

    Example:
        >>> import numpy as np
        >>> from ltseg.datasets.labelled_images import LabelledImages
        >>> from ltseg.datasets.labelled_wrapper import LabelledWrapper
        >>> class Pets(LabelledImages):
        ...     METAINFO = {'classes': ('cat', 'owl')}
        ...     def load_data_list(self):
        ...         return [{'gt_label': 0}] * 3
        >>> class AllOwls(LabelledWrapper):
        ...     packed_samples = None
        ...     def choose_labels(self):
        ...         return np.ones(len(self.dataset), np.int64)
        >>> data = AllOwls(Pets())
        >>> len(data), data.CLASSES, data.get_gt_labels().tolist(), data.get_cat_ids(2)
        (3, ('cat', 'owl'), [1, 1, 1], [1])
    """

    def __init__(self, dataset: Any) -> None:
        self.dataset = DATASETS.build(dataset) if isinstance(dataset, dict) else dataset
        self._fully_initialized = False
        self.full_init()

    @abstractmethod
    def choose_labels(self) -> np.ndarray:
        """Labels of the images of this data set, (N,) int64."""

    @property
    @abstractmethod
    def packed_samples(self) -> Callable[[Sequence[int]], Any] | None:
        """Gives the samples of many indices at once, where the data set inside does."""

    @property
    def metainfo(self) -> dict[str, Any]:
        """That of the data set inside."""
        return self.dataset.metainfo

    @property
    def CLASSES(self) -> tuple[str, ...]:  # noqa: N802, mmpretrain's name
        """Names of the classes."""
        return tuple(self.metainfo['classes'])

    def full_init(self) -> None:
        """Chooses the labels, once."""
        if not self._fully_initialized:
            self._labels = self.choose_labels()
            self._fully_initialized = True

    @force_full_init
    def get_gt_labels(self) -> np.ndarray:
        """Labels of the images, (N,) int64."""
        return self._labels.copy()

    @force_full_init
    def get_cat_ids(self, idx: int) -> list[int]:
        """The label of an image, as a list."""
        return [int(self._labels[idx])]

    @property
    def __getitems__(self) -> Callable[[Sequence[int]], Any] | None:
        return self.packed_samples  # torch takes one by one where this is None

    @force_full_init
    def __len__(self) -> int:
        return len(self._labels)
