"""Two samplers that take turns."""

import math
from typing import Any

import numpy as np
from mmengine.dist import get_dist_info

from ltseg.datasets.class_sampling import ClassBalancedSampler, EpochSampler
from ltseg.registry import DATA_SAMPLERS

__all__ = ['BilateralSampler']


@DATA_SAMPLERS.register_module()
class BilateralSampler(EpochSampler):
    """An image as it occurs, then one of a sampler that prefers rare classes, and so on, in each process.

    An epoch shows each image once in the first role; in the second, classes have shares proportional to 1 / n_k. A
    batch of B pairs has ``batch_size=2 * B``.

    Args:
        dataset: The data set, or a wrapper.
        seed: Whole number of at least 0; None draws one for all processes.

    Source:
        Zhou et al., BBN, CVPR 2020, section 4.

    Example:
        >>> from types import SimpleNamespace
        >>> from ltseg.datasets import BilateralSampler
        >>> labels = [0] * 90 + [1] * 10
        >>> order = list(BilateralSampler(SimpleNamespace(get_gt_labels=lambda: labels), seed=0))
        >>> sorted(order[::2]) == list(range(100))  # each image once, as they occur
        True
        >>> sum(labels[index] for index in order[1::2]) > 80  # and in between mostly rare ones: 9 to 1
        True
    """

    short_name = 'BBN'

    def __init__(self, dataset: Any, seed: int | None = None) -> None:
        self.uniform = ClassBalancedSampler(dataset, mode='instance', seed=0)
        self.reverse = ClassBalancedSampler(dataset, mode='reverse', seed=0)
        _, processes = get_dist_info()
        pairs = math.ceil(len(self.uniform.held.sizes) / processes)
        super().__init__(dataset, 2 * pairs * processes, seed)

    def epoch_indices(self, number: int, random: np.random.Generator) -> np.ndarray:
        """``number`` indices in the order of training; each process takes every one of its own turn."""
        turns = [sampler.epoch_indices(number // 2, random) for sampler in (self.uniform, self.reverse)]
        return np.stack([turn.reshape(-1, self.world_size) for turn in turns], 1).reshape(-1)
