"""Class sizes with a long tail."""

import numpy as np

from ltseg.core.checks import check_choice, check_integer, check_positive, check_range
from ltseg.core.errors import InvalidValueError

__all__ = ['PROFILES', 'profile_counts']

PROFILES = ('exponential', 'pareto', 'step')


def profile_counts(
    profile: str, num_classes: int, largest: int, imbalance_factor: float, power: float = 6.0
) -> list[int]:
    """Class sizes from the largest to the smallest, with x = k / (K - 1), k = 0..K-1::

        exponential   n_k = floor(n_max * IF^-x)
        pareto        n_k = floor(n_min + (n_max - n_min) * (q_k - 1) / (q_0 - 1)),  q_k = ((k + 1) / K)^(-1 / power)
        step          n_k = n_max in the first half of the classes, floor(n_min) in the second

    where n_min = n_max / IF. The q_k are quantiles of a Pareto distribution. Of ImageNet-LT, with 1280 to 5 images in a
    class and 115,846 in all, some papers say that its power is 6 and others 0.6; these quantiles give 121,449 images
    with 6, and 7,562 with 0.6.

    Args:
        profile: One of the above.
        num_classes: K, at least 2.
        largest: n_max, images.
        imbalance_factor: IF, at least 1.
        power: Of the Pareto distribution.

    Returns:
        n_0 .. n_K-1, images.

    Raises:
        ValueError: If an argument is out of range, or the smallest class would be empty.

    Source:
        Cui et al., Class-balanced loss based on effective number of samples, CVPR 2019 (exponential); Buda et al., A
        systematic study of the class imbalance problem, Neural Networks 2018 (step); Liu et al., Large-scale
        long-tailed recognition in an open world, CVPR 2019 (Pareto; they draw where this takes quantiles).
    """
    check_choice('profile_counts.profile', profile, PROFILES)
    check_integer('profile_counts.num_classes', num_classes, 2)
    check_range('profile_counts.imbalance_factor', imbalance_factor, 1)
    check_positive('profile_counts.power', power)
    place = np.arange(num_classes)
    smallest = largest / imbalance_factor
    if profile == 'exponential':
        sizes = largest * imbalance_factor ** (-place / (num_classes - 1))
    elif profile == 'pareto':
        quantiles = ((place + 1) / num_classes) ** (-1 / power)
        sizes = smallest + (largest - smallest) * (quantiles - 1) / (quantiles[0] - 1)
    else:
        sizes = np.where(place < num_classes - num_classes // 2, largest, smallest)
    counts = np.floor(sizes + 1e-9).astype(int).tolist()  # 5000 / 100 must stay 50 whatever it is rounded to
    if counts[-1] < 1:
        hint = 'Take a smaller imbalance_factor.'
        raise InvalidValueError('profile_counts', 'at least one image of each class', repr(counts[-1]), hint)
    return counts
