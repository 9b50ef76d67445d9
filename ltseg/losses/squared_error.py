"""The squared error of logits from one-hot labels."""

from typing import Any

import torch
from torch import Tensor

from ltseg.core.sample_losses import SampleLosses
from ltseg.losses.logits_loss import LogitsLoss
from ltseg.registry import MODELS

__all__ = ['SquaredErrorLoss']


@MODELS.register_module()
class SquaredErrorLoss(LogitsLoss):
    """Regression of the logits z on the labels as vectors y, 1 for the own class and 0 for the others (MSE)::

        loss = 1/2 sum_k (z_k - y_k)^2

    For mixed labels y is the mixture, which differs from the mixture of the losses by a constant.

    Args:
        **options: As for :class:`ltseg.losses.logits_loss.LogitsLoss`. There are no class weights.

    Source:
        Liu et al., Inducing Neural Collapse in Deep Long-tailed Learning, AISTATS 2023, eq. 7. Released code takes the
        mean over classes and no 1/2, which is ``loss_weight=2 / K``.

    Example:
        >>> import torch
        >>> from ltseg.losses import SquaredErrorLoss
        >>> loss, labels = SquaredErrorLoss(), torch.tensor([0, 2])
        >>> logits = torch.tensor([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0]])
        >>> loss(logits, labels, reduction_override='none').tolist()  # 0, and 1/2 (-1 - 1)^2
        [0.0, 2.0]
    """

    short_name = 'squared error'

    def __init__(self, **options: Any) -> None:
        super().__init__(**{'counts': 'batch', 'loss_name': 'loss_squared_error', **options})

    def prepare(self, logits: Tensor, labels: Tensor, ignore_index: int) -> SampleLosses:
        return _SquaredErrors(ignore_index)


class _SquaredErrors:
    """Half the squared error of each sample, with the error itself as its gradient."""

    def __init__(self, ignore_index: int) -> None:
        self.ignore_index = ignore_index

    def __call__(self, logits: Tensor, labels: Tensor) -> tuple[Tensor, None]:
        return 0.5 * self._errors(logits, labels).square().sum(1), None

    def value_and_gradient(self, logits: Tensor, labels: Tensor) -> tuple[Tensor, None, Tensor]:
        errors = self._errors(logits, labels)
        return 0.5 * errors.square().sum(1), None, errors

    def _errors(self, logits: Tensor, labels: Tensor) -> Tensor:
        """z - y (N, K, *); zeros where ignored."""
        if labels.is_floating_point():
            return logits - labels.to(logits)
        valid = (labels != self.ignore_index).unsqueeze(1)
        own = torch.zeros_like(logits).scatter(1, labels.unsqueeze(1).where(valid, 0), 1.0)
        return torch.where(valid, logits - own, 0.0)
