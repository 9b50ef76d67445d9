"""Seesaw loss: pairwise offsets from accumulated counts and from the scores."""

import math
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from ltseg.core.checks import check_positive, check_range
from ltseg.core.differentiated_cross_entropy import ShiftedCrossEntropy
from ltseg.core.errors import InvalidValueError
from ltseg.core.precision import widened
from ltseg.core.sample_losses import SampleLosses
from ltseg.losses.logits_loss import LogitsLoss
from ltseg.registry import MODELS

__all__ = ['SeesawLoss']


@MODELS.register_module()
class SeesawLoss(LogitsLoss):
    """Cross entropy whose negatives are weighted inside the softmax::

        loss = -log( e^(z_y) / (e^(z_y) + sum_{k != y} M_yk C_k e^(z_k)) )
        M_yk = min(1, (n_k / n_y)^p)                   mitigation: rarer negatives are repelled less
        C_k  = max(1, (p_k / max(p_y, epsilon))^q)     compensation: unless they are mistaken for the label

    with p = softmax(z) without gradient, and n the counts accumulated over training, at least 1. M_yy and C_y are 1.

    Deviations: counts cover all processes unless ``sync=False`` (the released code counts each alone), and pixels are
    the samples in segmentation, where the source has instances.

    Args:
        p: Exponent of the mitigation; 0 switches it off.
        q: Exponent of the compensation; 0 switches it off.
        epsilon: Least probability of the label in the compensation.

    Source:
        Wang et al., Seesaw Loss for Long-Tailed Instance Segmentation, CVPR 2021, eq. 3-6.

    Example:
        >>> import torch
        >>> from ltseg.losses import SeesawLoss
        >>> loss, labels = SeesawLoss(p=1.0, q=0.0, counts=[100, 1]), torch.tensor([0, 1])
        >>> losses = loss(torch.zeros(2, 2), labels, reduction_override='none')
        >>> losses.exp()  # 1 + 1 / 100, as the head hardly repels the tail; and 1 + 1
        tensor([1.0100, 2.0000])
    """

    short_name = 'Seesaw'

    def __init__(self, p: float = 0.8, q: float = 2.0, epsilon: float = 0.01, **options: Any) -> None:
        super().__init__(**{'counts': 'accumulated', 'loss_name': 'loss_seesaw', **options})
        check_range('SeesawLoss.p', p, 0)
        check_range('SeesawLoss.q', q, 0)
        check_positive('SeesawLoss.epsilon', epsilon)
        self.p, self.q, self.epsilon = p, q, epsilon

    def prepare(self, logits: Tensor, labels: Tensor, ignore_index: int) -> SampleLosses:
        if labels.is_floating_point():
            raise InvalidValueError('SeesawLoss', 'class indices', 'soft labels', 'Train without mixed labels.')
        counts = widened(self.count(logits, labels, ignore_index).samples).clamp(min=1)
        log_mitigation = self._log_mitigation(counts).to(logits.dtype)

        def log_factors(logits: Tensor, labels: Tensor) -> Tensor:
            mitigation = log_mitigation.T.index_select(1, labels.flatten())  # (K, samples): rows stay contiguous
            mitigation = mitigation.unflatten(1, labels.shape).movedim(0, 1)  # (N, K, *)
            return mitigation + self._log_compensation(logits, labels) if self.q else mitigation

        return ShiftedCrossEntropy(log_factors, ignore_index)

    def _log_mitigation(self, counts: Tensor) -> Tensor:
        """log M, (K, K) with the label's class first."""
        return (self.p * torch.log(counts.unsqueeze(0) / counts.unsqueeze(1))).clamp(max=0)

    def _log_compensation(self, logits: Tensor, indices: Tensor) -> Tensor:
        """log C, (N, K, *)."""
        log_probability = F.log_softmax(logits, dim=1)
        own = log_probability.gather(1, indices.unsqueeze(1)).clamp(min=math.log(self.epsilon))
        return (self.q * (log_probability - own)).clamp(min=0)
