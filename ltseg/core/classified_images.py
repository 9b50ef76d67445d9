"""What a classifier predicts of each image at each strength of post-hoc adjustment, and two rates that trade off."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ltseg.core.errors import InvalidValueError

__all__ = ['ClassifiedImages']


@dataclass(frozen=True, eq=False)
class ClassifiedImages:
    """The predictions of a classifier, compared as :class:`ltseg.core.curve_comparison.CurveCounts` are.

    With a_k the accuracy of class k, and n_k its training images::

        quality  = mean over k of a_k             the mean class accuracy
        fairness = sum_k n_k a_k / sum_k n_k      the frequency-weighted accuracy

    over the classes that the images have. The second is the expected top-1 accuracy on images among which classes are
    as frequent as in training. It is about frequent classes where the first is about all alike, and both can be
    estimated from images of any frequencies. Top-1 accuracy on the images themselves could not take its place: where
    validation is balanced, it is the mean class accuracy. That choice of rates is ours.

    Args:
        predicted: Class of each image at each tau, (T, I), integers.
        true: Label of each image, (I,) int64.
        samples: Training images of each class, (K,).

    Raises:
        ValueError: If the shapes do not fit each other.

    Example:
        >>> import torch
        >>> from ltseg.core.classified_images import ClassifiedImages
        >>> images = ClassifiedImages(
        ...     predicted=torch.tensor([[0, 0, 0, 0], [0, 1, 1, 1]]), true=torch.tensor([0, 0, 1, 1]),
        ...     samples=torch.tensor([90, 10]))
        >>> mean_class, weighted = images.rates(torch.ones(1, 4))  # each image once
        >>> mean_class.tolist(), weighted.tolist()
        ([[50.0, 75.0]], [[90.0, 55.0]])
    """

    predicted: Tensor
    true: Tensor
    samples: Tensor

    def __post_init__(self) -> None:
        if self.predicted.ndim != 2 or self.true.shape != self.predicted.shape[1:] or self.samples.ndim != 1:
            got = f'{tuple(self.predicted.shape)}, {tuple(self.true.shape)} and {tuple(self.samples.shape)}'
            raise InvalidValueError('ClassifiedImages', 'shapes (T, I), (I,) and (K,)', got)

    def rates(self, weights: Tensor) -> tuple[Tensor, Tensor]:
        """Mean class accuracy and frequency-weighted accuracy in percent of images taken so many times.

        Args:
            weights: How often each of I images is taken, (B, I).

        Returns:
            (B, T) each, float64; classes that none of the images has are left out.
        """
        samples = self.samples.double().unsqueeze(1)
        mean_class, weighted = [], []
        for accuracies in self._accuracies(weights):
            mean_class.append(accuracies.nanmean(0))
            present = samples * ~accuracies.isnan()
            weighted.append((present * accuracies.nan_to_num()).sum(0) / present.sum(0))
        return torch.stack(mean_class, 1), torch.stack(weighted, 1)

    def group_accuracies(self, groups: Iterable[Sequence[int]]) -> list[Tensor]:
        """The mean accuracy of the classes of each group in percent, (T,) each; nan where no image is of them."""
        once = torch.ones(1, len(self.true))
        accuracies = torch.cat(list(self._accuracies(once)), 1)  # (K, T)
        return [accuracies[list(group)].nanmean(0) for group in groups]

    def _accuracies(self, weights: Tensor) -> Iterator[Tensor]:
        """The accuracy of each class in percent at one tau after the other, (K, B); nan where no image has it."""
        times = weights.double().T.contiguous()  # (I, B)
        empty = times.new_zeros(len(self.samples), times.shape[1])
        true = empty.index_add(0, self.true, times)
        for right in self.predicted == self.true:
            yield 100 * empty.index_add(0, self.true[right], times[right]) / true
