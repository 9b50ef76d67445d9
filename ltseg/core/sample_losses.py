"""What a loss is to the fused path: a function of any samples of a batch."""

from collections.abc import Callable
from typing import Protocol, runtime_checkable

from torch import Tensor

__all__ = ['DifferentiatedLosses', 'SampleLosses']

SampleLosses = Callable[[Tensor, Tensor], tuple[Tensor, Tensor | None]]
"""Logits (N, K, *) and labels (N, *) -> the loss and the class weight (None: 1) of each sample, 0 where ignored."""


@runtime_checkable
class DifferentiatedLosses(Protocol):
    """Sample losses that know their gradient, which spares what autograd keeps for it.

    Example:
        >>> import torch
        >>> from ltseg.core.adjustment import Adjustment
        >>> from ltseg.core.differentiated_cross_entropy import AdjustedCrossEntropy
        >>> from ltseg.core.sample_losses import DifferentiatedLosses
        >>> isinstance(AdjustedCrossEntropy(Adjustment()), DifferentiatedLosses)
        True
    """

    def __call__(self, logits: Tensor, labels: Tensor) -> tuple[Tensor, Tensor | None]:
        """As :data:`SampleLosses`."""

    def value_and_gradient(self, logits: Tensor, labels: Tensor) -> tuple[Tensor, Tensor | None, Tensor]:
        """The same two, and the gradient of the summed losses, (N, K, *). It has no graph."""
