"""Rare class sampling: a class by how rare it is, then an image that holds enough of it."""

from typing import Any

import numpy as np

from ltseg.core.checks import check_positive, check_range
from ltseg.datasets.class_sampling import EpochSampler, drawn_images
from ltseg.datasets.image_classes import image_classes_of
from ltseg.nested_datasets import all_datasets, transforms_of
from ltseg.registry import DATA_SAMPLERS

__all__ = ['ENOUGH', 'RareClassSampler', 'rarity_shares']

ENOUGH = 3000 / (1914 * 1052)  # the paper's number of pixels, as a share of an image of GTA


def rarity_shares(samples: np.ndarray, temperature: float) -> np.ndarray:
    """The probability of each class, P(c) = softmax over c of (1 - f_c) / T; 0 for a class without samples.

    Args:
        samples: Of each class, (K,), which give its share f_c.
        temperature: T.

    Example:
        >>> import numpy as np
        >>> from ltseg.datasets.rare_class_sampling import rarity_shares
        >>> rarity_shares(np.array([90, 8, 2, 0]), temperature=0.05).round(3).tolist()  # exp(-20 f_c), normalised
        [0.0, 0.231, 0.769, 0.0]
    """
    present = samples > 0
    shares = samples / samples.sum()
    with np.errstate(over='ignore'):  # a tiny temperature leaves the rarest class alone
        powers = np.where(present, np.exp(-(shares - shares[present].min()).clip(0) / temperature), 0)
    return powers / powers.sum()


SLACK = 0.9  # resized labels have a little more or less of a class


@DATA_SAMPLERS.register_module()
class RareClassSampler(EpochSampler):
    """Draws a class by how rare it is, then one of the images that hold enough of it, both with replacement::

        P(c) = exp((1 - f_c) / T) / sum_j exp((1 - f_j) / T),   f_c = share of class c of all valid pixels

    A class that no image holds enough of is drawn from all images that hold it, and one without a pixel never. Each
    ``ltseg.ClassCrop`` in the pipelines of the data set draws its class as it was drawn here. In classification an
    image is one sample of its class.

    Args:
        dataset: The data set, or a wrapper.
        temperature: T. The smaller, the rarer are the classes that are drawn; from about 1 on all are drawn alike.
        min_share: Share of its pixels from which on an image holds enough of a class, in [0, 1].
        length: Images in an epoch; None is the number of images there are.
        seed: Whole number of at least 0; None draws one for all processes.

    Source:
        Hoyer et al., DAFormer: Improving network architectures and training strategies for domain-adaptive semantic
        segmentation, CVPR 2022, section 3.3, there for the source domain. Enough is 3,000 pixels in their code, of
        images of 1914 x 1052; f_c is the share of valid pixels as in their code.

    Example:
        >>> from types import SimpleNamespace
        >>> from ltseg.datasets import RareClassSampler
        >>> images = SimpleNamespace(get_gt_labels=lambda: [0] * 90 + [1] * 8 + [2] * 2)
        >>> RareClassSampler(images, temperature=0.05, seed=0).shares.round(3).tolist()
        [0.0, 0.231, 0.769]
    """

    short_name = 'rare class sampling'

    def __init__(
        self,
        dataset: Any,
        temperature: float = 0.01,
        min_share: float = ENOUGH,
        length: int | None = None,
        seed: int | None = None,
    ) -> None:
        check_positive('RareClassSampler.temperature', temperature)
        check_range('RareClassSampler.min_share', min_share, 0, 1)
        held = image_classes_of(dataset)
        self.shares = rarity_shares(np.bincount(held.classes, held.samples), temperature)
        self.held = held.of_share(min_share)
        self.limits = SLACK * held.least_shares(min_share)
        super().__init__(dataset, len(held.sizes) if length is None else length, seed)
        self._tell_crops()

    def epoch_indices(self, number: int, random: np.random.Generator) -> np.ndarray:
        """``number`` indices in the order of training."""
        return drawn_images(self.held.image_shares(self.shares), number, random)

    def _tell_crops(self) -> None:
        """Of an image, P(class | image) is proportional to P(c) / images of c."""
        odds = self.shares / np.maximum(self.held.counts, 1)
        for transform in (each for part in all_datasets(self.dataset) for each in transforms_of(part)):
            if hasattr(transform, 'class_odds'):  # an ltseg.ClassCrop, which exists beside MMSegmentation only
                transform.class_odds, transform.class_limits = odds, self.limits
