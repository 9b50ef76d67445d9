"""How far a classifier's confidence is from its accuracy."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ltseg.core.errors import InvalidValueError
from ltseg.core.precision import widened

__all__ = ['BINS', 'Calibration']

BINS = 15


@dataclass(frozen=True, eq=False)
class Calibration:
    """Sums over the samples of each true class whose confidence falls into each of B bins, (K, B) each.

    Args:
        samples: Number of samples, int64.
        correct: How many of them are classified correctly, int64.
        confidence: Sum of their confidences.

    Raises:
        ValueError: If the shapes differ, or a bin has more correct samples than samples.

    Example:
        >>> import torch
        >>> from ltseg.core.calibration import Calibration
        >>> prediction, label = torch.tensor([0, 0, 1, 1]), torch.tensor([0, 0, 0, 1])
        >>> calibration = Calibration.of(prediction, label, confidence=torch.full((4,), 0.9), num_classes=2)
        >>> round(calibration.error(), 4), round(calibration.error([1]), 4)  # |3 / 4 - 0.9|; |1 / 1 - 0.9|
        (15.0, 10.0)
    """

    samples: Tensor
    correct: Tensor
    confidence: Tensor

    def __post_init__(self) -> None:
        shapes = [tuple(part.shape) for part in (self.samples, self.correct, self.confidence)]
        if len(set(shapes)) > 1 or len(shapes[0]) != 2 or bool((self.correct > self.samples).any()):
            raise InvalidValueError('Calibration', 'three tables (K, B) with at most all samples correct', repr(shapes))

    @classmethod
    def of(cls, prediction: Tensor, label: Tensor, confidence: Tensor, num_classes: int) -> 'Calibration':
        """The sums of N samples in 15 bins of equal width, each with its upper end, and the first with 0.

        Args:
            prediction: Predicted classes, (N,) int64.
            label: True classes, (N,) int64.
            confidence: Highest probability of each sample, (N,), in [0, 1]; nan makes the error of its class nan.
            num_classes: K.
        """
        confidence = widened(confidence)
        edges = torch.arange(1, BINS, dtype=confidence.dtype, device=confidence.device) / BINS
        cell = label * BINS + torch.bucketize(confidence, edges)
        weights = (widened(torch.ones_like(cell)), widened(prediction == label), confidence)
        sums = [torch.bincount(cell, weight, num_classes * BINS).view(num_classes, BINS) for weight in weights]
        return cls(sums[0].long(), sums[1].long(), sums[2])

    def error(self, classes: Sequence[int] | None = None) -> float:
        """Expected calibration error over the samples of some true classes, or of all, in percent; nan without samples.

        ``ECE = sum_b n_b / N |accuracy_b - confidence_b|``, which is ``sum_b |correct_b - confidence sum_b| / N``.

        Source:
            Naeini et al., Obtaining Well Calibrated Probabilities Using Bayesian Binning, AAAI 2015; with 15 bins: Guo
            et al., On Calibration of Modern Neural Networks, ICML 2017. By shot groups: ours.
        """
        chosen = slice(None) if classes is None else list(classes)
        samples = int(self.samples[chosen].sum())
        if samples == 0:
            return math.nan
        gap = self.correct[chosen].sum(0) - self.confidence[chosen].sum(0)  # (B,)
        return 100 * gap.abs().sum().item() / samples
