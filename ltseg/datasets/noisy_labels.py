"""Classification data whose labels are wrong for a share of the images."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from mmengine.dataset import force_full_init

from ltseg.core.checks import check_integer, check_range
from ltseg.core.errors import InvalidValueError
from ltseg.core.labelled_batches import LabelledBatch
from ltseg.datasets.labelled_images import labels_of
from ltseg.datasets.labelled_wrapper import LabelledWrapper, relabelled, relabelled_batch
from ltseg.registry import DATASETS

__all__ = ['NoisyLabels']


@DATASETS.register_module()
class NoisyLabels(LabelledWrapper):
    """Another data set with symmetric label noise: an image of class y gets each label j by

        P(j | y) = 1 - rate if j = y, else rate / (K - 1).

    Which images, and which labels they get, depends on ``seed`` and the place of the image alone, so that a larger rate
    with the same seed keeps every wrong label of a smaller one. Around a long-tailed part, images of frequent classes
    end up in rare ones, as in data that are labelled by people; samplers and class counts have the wrong labels, too.
    For training only: ``val_dataloader`` and ``test_dataloader`` are refused with it, and where a command evaluates the
    training images, it takes the true labels.

    Args:
        dataset: Any classification data set of mmengine, mmpretrain or ltseg with one label for each image, or its
            config.
        rate: Share of wrong labels that is expected, in [0, 1).
        seed: Of the noise.

    Raises:
        ValueError: If the rate is none, or the data set has fewer than two classes, or an image no single label.

    Source:
        The usual model of noise, e.g. Patrini et al., Making deep neural networks robust to label noise, CVPR 2017.

    Example:
        >>> from mmengine.dataset import BaseDataset
        >>> from ltseg.datasets import NoisyLabels
        >>> class Cats(BaseDataset):
        ...     METAINFO = {'classes': ('cat', 'dog', 'owl')}
        ...     def load_data_list(self):
        ...         return [{'gt_label': 0} for _ in range(1000)]
        >>> data = NoisyLabels(Cats(), rate=0.4)
        >>> labels = data.get_gt_labels().tolist()
        >>> round(labels.count(0) / 1000, 1), data[2]['gt_label'] == labels[2]
        (0.6, True)
    """

    short_name = '{dataset}, {rate} wrong labels'

    def __init__(self, dataset: Any, rate: float, seed: int = 0) -> None:
        check_range('NoisyLabels.rate', rate, 0, np.nextafter(1, 0))
        check_integer('NoisyLabels.seed', seed, 0)
        self.rate, self.seed = rate, seed
        super().__init__(dataset)

    def choose_labels(self) -> np.ndarray:
        labels, number = labels_of(self.dataset), len(self.CLASSES)
        if number < 2:
            raise InvalidValueError('NoisyLabels', 'two classes or more', repr(number))
        random = np.random.default_rng(self.seed)
        is_wrong = random.random(len(labels)) < self.rate
        others = (labels + random.integers(1, number, len(labels))) % number  # any but the true one
        return np.where(is_wrong, others, labels)

    @force_full_init
    def get_data_info(self, idx: int) -> dict[str, Any]:
        """The data info of an image."""
        return {**self.dataset.get_data_info(idx), 'gt_label': int(self._labels[idx])}

    @force_full_init
    def __getitem__(self, idx: int) -> Any:
        return relabelled(self.dataset[idx], int(self._labels[idx]))

    @property
    def packed_samples(self) -> Callable[[Sequence[int]], LabelledBatch] | None:
        """Gives the samples of many indices at once, where the data set inside does."""
        inside = getattr(self.dataset, 'packed_samples', None)
        return None if inside is None else lambda places: relabelled_batch(inside(places), self._labels[list(places)])
