"""Samplers that choose images by their classes: how often each class is seen is a function of its size.

An epoch is a function of (seed, epoch), the same on all processes, of which each takes its part. So training resumes
exactly, and the images do not depend on the number of processes. In segmentation an image counts for each class that
its label file holds (:func:`ltseg.datasets.image_classes.image_classes_of`), where an image without a labelled pixel is
of none.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any

import numpy as np
from mmengine.dist import get_dist_info, sync_random_seed
from torch.utils.data import Sampler

from ltseg.core.checks import check_choice, check_integer, check_positive, check_range
from ltseg.core.errors import InvalidValueError
from ltseg.datasets.image_classes import image_classes_of
from ltseg.registry import DATA_SAMPLERS
from ltseg.schedules import training_progress

__all__ = [
    'ClassAwareSampler',
    'ClassBalancedSampler',
    'EpochSampler',
    'RepeatFactorSampler',
    'class_shares',
    'drawn_images',
]

EXPONENTS = {'instance': 1.0, 'square_root': 0.5, 'class_balanced': 0.0, 'reverse': -1.0}
MODES = (*EXPONENTS, 'progressive')


class EpochSampler(Sampler, ABC):
    """Each process's part of an epoch's indices, all parts of equal length.

    Args:
        dataset: The data set, or a wrapper.
        length: Indices of an epoch, of all processes; rounded up to a multiple of their number.
        seed: Whole number of at least 0; None draws one for all processes.

    Example:
        >>> from ltseg.datasets.class_sampling import EpochSampler
        >>> class Shuffled(EpochSampler):
        ...     def epoch_indices(self, number, random):
        ...         return random.permutation(number)
        >>> sampler, epochs = Shuffled(range(9), length=9, seed=0), []
        >>> for epoch in (0, 1, 0):
        ...     sampler.set_epoch(epoch)
        ...     epochs.append(list(sampler))
        >>> epochs[0] == epochs[2], epochs[0] == epochs[1]
        (True, False)
    """

    def __init__(self, dataset: Any, length: int, seed: int | None = None) -> None:
        check_integer(f'{type(self).__name__}.length', length, 1)
        if seed is not None:
            check_integer(f'{type(self).__name__}.seed', seed, 0)
        self.dataset = dataset
        self.rank, self.world_size = get_dist_info()
        self.seed = sync_random_seed() if seed is None else seed
        self.epoch = 0
        self.num_samples = math.ceil(length / self.world_size)

    @abstractmethod
    def epoch_indices(self, number: int, random: np.random.Generator) -> np.ndarray:
        """``number`` indices in the order of training."""

    def __iter__(self) -> Iterator[int]:
        random = np.random.default_rng([self.seed, self.epoch])
        indices = self.epoch_indices(self.num_samples * self.world_size, random)
        return iter(indices[self.rank :: self.world_size].tolist())

    def __len__(self) -> int:
        return self.num_samples

    def set_epoch(self, epoch: int) -> None:
        """Chooses the epoch that the next iteration gives."""
        self.epoch = epoch


def class_shares(counts: np.ndarray, exponent: float) -> np.ndarray:
    """The share of each class in an epoch, p_k = n_k^q / sum_j n_j^q; 0 for a class without images.

    Args:
        counts: Images of each class, (K,).
        exponent: q; 1 as they occur, 1/2 square root, 0 all alike, -1 reversed.
    """
    present = counts > 0
    powers = np.where(present, np.where(present, counts, 1).astype(float) ** exponent, 0)
    return powers / powers.sum()


def drawn_images(shares: np.ndarray, number: int, random: np.random.Generator) -> np.ndarray:
    """``number`` indices drawn by the probability of each image (N,), with replacement, (number,) int64."""
    ends = shares.cumsum()
    drawn = np.searchsorted(ends, random.random(number) * ends[-1], side='right')
    return np.minimum(drawn, np.flatnonzero(shares)[-1])  # the product may be rounded up to the end


@DATA_SAMPLERS.register_module()
class ClassBalancedSampler(EpochSampler):
    """Draws a class by its share p_k (:func:`class_shares`), then one of its images, with replacement.

    'instance' (q = 1) shuffles instead, so that each image occurs once. 'progressive' goes from the one to the other::

        p(t) = (1 - t / T) * p(q = 1) + (t / T) * p(q = 0),   epoch t = 0..T-1

    Args:
        dataset: The data set, or a wrapper.
        mode: 'instance', 'square_root', 'class_balanced', 'reverse' or 'progressive'.
        exponent: q, instead of that of ``mode``.
        length: Images in an epoch; None is the number of images there are.
        epochs: T of 'progressive'; None takes that of the Runner, which must count epochs.
        seed: Whole number of at least 0; None draws one for all processes.
        min_share: Share of its pixels from which on an image counts for a class, in [0, 1]; of a class that no image
            holds so much of, all images that hold it count.

    Source:
        Kang et al., Decoupling representation and classifier for long-tailed recognition, ICLR 2020, eq. 1 and 2;
        'reverse': Zhou et al., BBN, CVPR 2020, eq. 1.

    Example:
        >>> from types import SimpleNamespace
        >>> from ltseg.datasets import ClassBalancedSampler
        >>> images = SimpleNamespace(get_gt_labels=lambda: [0] * 90 + [1] * 10)
        >>> for mode in ('instance', 'square_root', 'class_balanced', 'reverse'):
        ...     print(mode, ClassBalancedSampler(images, mode, seed=0).shares.round(4).tolist())
        instance [0.9, 0.1]
        square_root [0.75, 0.25]
        class_balanced [0.5, 0.5]
        reverse [0.1, 0.9]
    """

    short_name = 're-sampling ({mode})'

    def __init__(
        self,
        dataset: Any,
        mode: str = 'class_balanced',
        exponent: float | None = None,
        length: int | None = None,
        epochs: int | None = None,
        seed: int | None = None,
        min_share: float = 0.0,
    ) -> None:
        check_range('ClassBalancedSampler.min_share', min_share, 0, 1)
        check_choice('ClassBalancedSampler.mode', mode, MODES)
        self.mode, self.epochs = mode, epochs
        self.exponent = EXPONENTS.get(mode, 1.0) if exponent is None else exponent
        check_range('ClassBalancedSampler.exponent', self.exponent, -float('inf'))
        if mode == 'progressive' and exponent is not None:
            raise InvalidValueError('ClassBalancedSampler.exponent', "None for mode='progressive'", repr(exponent))
        self.held = image_classes_of(dataset).of_share(min_share)
        self.counts = self.held.counts
        super().__init__(dataset, len(self.held.sizes) if length is None else length, seed)

    @property
    def shares(self) -> np.ndarray:
        """The share of each class in the current epoch, (K,)."""
        shares = class_shares(self.counts, self.exponent)
        if self.mode == 'progressive':
            done = self.epoch / self._total_epochs()
            shares = (1 - done) * shares + done * class_shares(self.counts, 0.0)
        return shares

    def epoch_indices(self, number: int, random: np.random.Generator) -> np.ndarray:
        """``number`` indices in the order of training."""
        if self.mode != 'progressive' and self.exponent == 1:
            return _cycled(np.arange(len(self.held.sizes)), number, random)
        return drawn_images(self.held.image_shares(self.shares), number, random)

    def _total_epochs(self) -> int:
        epochs = self.epochs or training_progress().max_epochs
        if self.epoch >= epochs:
            hint = "Set the sampler's epochs to the number of passes over the data."
            raise InvalidValueError('ClassBalancedSampler.epochs', f'more than {self.epoch}', repr(epochs), hint)
        return epochs


@DATA_SAMPLERS.register_module()
class ClassAwareSampler(EpochSampler):
    """Goes round the classes, shuffled each round, and takes the next images of each class's own shuffled round.

    Each class is seen equally often, up to one visit, and so is each image within a class.

    Args:
        dataset: The data set, or a wrapper.
        samples_per_visit: Images that a class gives at a visit; the papers take 4 on ImageNet-LT.
        length: Images in an epoch; None is the size of the largest class times the number of classes.
        seed: Whole number of at least 0; None draws one for all processes.
        min_share: Share of its pixels from which on an image counts for a class, in [0, 1]; of a class that no image
            holds so much of, all images that hold it count.

    Source:
        Shen et al., Relay backpropagation for effective learning of deep convolutional neural networks, ECCV 2016. An
        epoch starts anew, where their rounds go on from one epoch to the next.

    Example:
        >>> from collections import Counter
        >>> from types import SimpleNamespace
        >>> from ltseg.datasets import ClassAwareSampler
        >>> labels = [0] * 4 + [1, 1]
        >>> drawn = list(ClassAwareSampler(SimpleNamespace(get_gt_labels=lambda: labels), seed=0))
        >>> sorted(Counter(labels[index] for index in drawn).items())  # each class as often as the largest has images
        [(0, 4), (1, 4)]
        >>> sorted(Counter(drawn).items())  # each image of class 1 twice
        [(0, 1), (1, 1), (2, 1), (3, 1), (4, 2), (5, 2)]
    """

    short_name = 'class-aware sampling'

    def __init__(
        self,
        dataset: Any,
        samples_per_visit: int = 1,
        length: int | None = None,
        seed: int | None = None,
        min_share: float = 0.0,
    ) -> None:
        check_range('ClassAwareSampler.min_share', min_share, 0, 1)
        check_integer('ClassAwareSampler.samples_per_visit', samples_per_visit, 1)
        self.samples_per_visit = samples_per_visit
        self.held = image_classes_of(dataset).of_share(min_share)
        counts = self.held.counts
        self.present = np.flatnonzero(counts)
        super().__init__(dataset, int(counts.max()) * len(self.present) if length is None else length, seed)

    def epoch_indices(self, number: int, random: np.random.Generator) -> np.ndarray:
        """``number`` indices in the order of training."""
        visits = math.ceil(number / self.samples_per_visit)
        classes = np.repeat(_cycled(self.present, visits, random), self.samples_per_visit)[:number]
        by_class = self.held.images[np.argsort(self.held.classes, kind='stable')]
        images = np.split(by_class, self.held.counts.cumsum()[:-1])
        places = np.split(np.argsort(classes, kind='stable'), np.bincount(classes, minlength=len(images)).cumsum()[:-1])
        indices = np.empty(number, np.int64)
        for own, where in zip(images, places, strict=True):
            indices[where] = _cycled(own, len(where), random)
        return indices


@DATA_SAMPLERS.register_module()
class RepeatFactorSampler(EpochSampler):
    """Repeats images of rare classes: image i occurs r_i times in an epoch on average, with::

        r_i = max over its classes c of max(1, sqrt(threshold / f_c)),   f_c = share of the images that contain c

    Args:
        dataset: The data set, or a wrapper; images may have several classes.
        threshold: Share of the images from which on a class is not repeated.
        seed: Whole number of at least 0; None draws one for all processes.
        min_share: Share of its pixels from which on an image counts for a class, in [0, 1]; of a class that no image
            holds so much of, all images that hold it count.

    Source:
        Gupta et al., LVIS: A dataset for large vocabulary instance segmentation, CVPR 2019, appendix B. Fractions are
        rounded at random each epoch, so that epochs have one length and each image the floor or the ceiling of r_i.

    Example:
        >>> from types import SimpleNamespace
        >>> from ltseg.datasets import RepeatFactorSampler
        >>> images = SimpleNamespace(get_gt_labels=lambda: [0] * 96 + [1] * 4)
        >>> sampler = RepeatFactorSampler(images, threshold=0.16, seed=0)
        >>> sampler.repeats[[0, -1]].tolist(), len(sampler)  # sqrt(0.16 / 0.04) = 2: 96 + 2 * 4
        ([1.0, 2.0], 104)
    """

    short_name = 'repeat-factor sampling'

    def __init__(self, dataset: Any, threshold: float = 1e-3, seed: int | None = None, min_share: float = 0.0) -> None:
        check_positive('RepeatFactorSampler.threshold', threshold)
        check_range('RepeatFactorSampler.min_share', min_share, 0, 1)
        held = image_classes_of(dataset).of_share(min_share)
        self.repeats = np.ones(len(held.sizes))
        factors = np.sqrt(threshold * len(self.repeats) / np.maximum(held.counts, 1))
        np.maximum.at(self.repeats, held.images, factors[held.classes])
        super().__init__(dataset, math.ceil(self.repeats.sum() - 1e-9), seed)

    def epoch_indices(self, number: int, random: np.random.Generator) -> np.ndarray:
        """``number`` indices in the order of training."""
        order = random.permutation(len(self.repeats))
        ends = self.repeats[order].cumsum()
        ends *= number / ends[-1]
        # One ticket in each unit of length: an image of length r gets floor(r) or ceil(r) of them.
        tickets = np.arange(number) + random.random()
        drawn = order[np.minimum(np.searchsorted(ends, tickets, side='right'), len(order) - 1)]
        return random.permutation(drawn)


def _cycled(values: np.ndarray, number: int, random: np.random.Generator) -> np.ndarray:
    """``number`` of ``values``: all of them in a random order, then all of them in another, and so on."""
    rounds = math.ceil(number / len(values)) if len(values) else 0
    shuffled = [random.permutation(values) for _ in range(rounds)]
    return np.concatenate([values[:0], *shuffled])[:number]
