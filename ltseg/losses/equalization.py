"""Softmax equalization loss."""

from typing import Any

import torch
from torch import Tensor

from ltseg.core.checks import check_range
from ltseg.core.differentiated_cross_entropy import ShiftedCrossEntropy
from ltseg.core.errors import InvalidValueError
from ltseg.core.layout import per_class
from ltseg.core.precision import widened
from ltseg.core.sample_losses import SampleLosses
from ltseg.counts.class_counts import ClassCounts
from ltseg.losses.logits_loss import LogitsLoss
from ltseg.registry import MODELS

__all__ = ['EqualizationLoss']


@MODELS.register_module()
class EqualizationLoss(LogitsLoss):
    """Cross entropy in which rare classes are mostly not repelled::

        loss = -log( e^(z_y) / sum_k w_k e^(z_k) ),    w_k = 1 - b_k [f_k < frequency_threshold] [k != y]

    with b ~ Bernoulli(gamma), drawn for each sample and class from torch's generator, and f_k = n_k / sum_j n_j,
    where n_k are the images that contain class k if the counts hold images, else the samples. Out of training, w = 1.

    The published code has the sigmoid form for detection only; thresholds of the softmax form are not settled.

    Args:
        frequency_threshold: Classes with a smaller share are protected.
        gamma: Probability of the protection; 0 is cross entropy.

    Source:
        Tan et al., Equalization Loss for Long-Tailed Object Recognition, CVPR 2020, section 4.2 (softmax form).

    Example:
        >>> import torch
        >>> from ltseg.losses import EqualizationLoss
        >>> loss = EqualizationLoss(counts=[990, 10], frequency_threshold=0.05, gamma=1.0)
        >>> logits, labels = torch.zeros(2, 2), torch.tensor([0, 1])
        >>> loss(logits, labels, reduction_override='none').exp()  # class 0 does not repel class 1, which is rare
        tensor([1., 2.])
        >>> loss.eval()(logits, labels, reduction_override='none').exp()  # out of training: log 2 for both
        tensor([2., 2.])
    """

    short_name = 'equalization'

    def __init__(self, frequency_threshold: float = 3e-3, gamma: float = 0.95, **options: Any) -> None:
        super().__init__(**{'loss_name': 'loss_equalization', **options})
        check_range('EqualizationLoss.frequency_threshold', frequency_threshold, 0, 1)
        check_range('EqualizationLoss.gamma', gamma, 0, 1)
        self.frequency_threshold, self.gamma = frequency_threshold, gamma

    def prepare(self, logits: Tensor, labels: Tensor, ignore_index: int) -> SampleLosses:
        if labels.is_floating_point():
            raise InvalidValueError('EqualizationLoss', 'class indices', 'soft labels', 'Train without mixed labels.')
        protects = self.training and self.gamma > 0
        rare = self._rare(self.count(logits, labels, ignore_index)) if protects else None

        def log_weights(logits: Tensor, labels: Tensor) -> Tensor:
            if rare is None:
                return logits.new_zeros(())
            protected = (torch.rand_like(logits) < self.gamma) & per_class(rare, logits)
            protected.scatter_(1, labels.unsqueeze(1), False)
            return torch.zeros_like(logits).masked_fill_(protected, -torch.inf)

        return ShiftedCrossEntropy(log_weights, ignore_index)

    def _rare(self, counts: ClassCounts) -> Tensor:
        of_class = widened(counts.samples if counts.images is None else counts.images)
        return of_class < self.frequency_threshold * of_class.sum()
