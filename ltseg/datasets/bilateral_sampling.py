"""Two samplers that take turns."""

import math
from typing import Any

import numpy as np
from mmengine.dist import get_dist_info

from ltseg.core.errors import InvalidValueError
from ltseg.datasets.class_sampling import ClassBalancedSampler, EpochSampler
from ltseg.registry import DATA_SAMPLERS

__all__ = ['BilateralSampler']


@DATA_SAMPLERS.register_module()
class BilateralSampler(EpochSampler):
    """An image as it occurs, then one of a sampler that prefers rare classes, and so on, in each process.

    An epoch shows each image once in the first role; in the second, classes have shares proportional to 1 / n_k, or
    those of another sampler. A batch of B pairs has ``batch_size=2 * B``.

    Args:
        dataset: The data set, or a wrapper.
        seed: Whole number of at least 0; None draws one for all processes.
        second: Config of the sampler in the second role, one of classes of this package; None is BBN's,
            ``ltseg.ClassBalancedSampler(mode='reverse')``. Its own length and seed do not matter.

    Raises:
        ValueError: If ``second`` is another kind of sampler.

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

    def __init__(self, dataset: Any, seed: int | None = None, second: dict | None = None) -> None:
        self.uniform = ClassBalancedSampler(dataset, mode='instance', seed=0)
        chosen = {'type': 'ltseg.ClassBalancedSampler', 'mode': 'reverse'} if second is None else second
        self.second = DATA_SAMPLERS.build({**chosen, 'dataset': dataset, 'seed': 0})
        if not isinstance(self.second, EpochSampler):
            hint = "Name a sampler of classes, e.g. second=dict(type='ltseg.ClassAwareSampler')."
            got = type(self.second).__name__
            raise InvalidValueError('BilateralSampler.second', 'a sampler of epochs of this package', got, hint)
        _, processes = get_dist_info()
        pairs = math.ceil(len(self.uniform.held.sizes) / processes)
        super().__init__(dataset, 2 * pairs * processes, seed)

    def epoch_indices(self, number: int, random: np.random.Generator) -> np.ndarray:
        """``number`` indices in the order of training; each process takes every one of its own turn."""
        turns = [sampler.epoch_indices(number // 2, random) for sampler in (self.uniform, self.second)]
        return np.stack([turn.reshape(-1, self.world_size) for turn in turns], 1).reshape(-1)

    def set_epoch(self, epoch: int) -> None:
        """Chooses the epoch that the next iteration gives."""
        super().set_epoch(epoch)
        self.second.set_epoch(epoch)
