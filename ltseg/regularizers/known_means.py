"""Class means of a batch, filled up with remembered ones."""

from typing import Any

import torch
from torch import Tensor

from ltseg.regularizers.centers import MovingCenters
from ltseg.regularizers.regularizer import Regularizer, not_built

__all__ = ['KnownMeansRegularizer']


class KnownMeansRegularizer(Regularizer):
    """A term on the directions of class means, which a batch shows some of only.

    Args:
        remember: Whether moving averages, without gradient, stand in for the means of absent classes.
        momentum: Of the moving averages.
        **options: As for :class:`ltseg.regularizers.regularizer.Regularizer`.

    Example:
        >>> import torch
        >>> from ltseg.regularizers.known_means import KnownMeansRegularizer
        >>> term = KnownMeansRegularizer(remember=True, momentum=0.9, loss_name='loss_means')
        >>> term.build(num_classes=2, feature_dim=1)
        >>> term.observe(torch.tensor([[3.0], [5.0]]), counts=torch.tensor([1, 1]))
        >>> term.step()
        >>> means, known = term.known_means(torch.tensor([[4.0], [0.0]]), counts=torch.tensor([1, 0]))
        >>> means.tolist(), known.tolist()  # class 1, which is absent, from memory
        ([[4.0], [5.0]], [True, True])
    """

    def __init__(self, remember: bool, momentum: float, **options: Any) -> None:
        super().__init__(**options)
        self.remember, self.momentum = remember, momentum
        self.memory: MovingCenters | None = None

    def build(self, num_classes: int, feature_dim: int) -> None:
        if self.remember:
            self.memory = MovingCenters(num_classes, feature_dim, self.momentum)

    def known_means(self, means: Tensor, counts: Tensor) -> tuple[Tensor, Tensor]:
        """The means (K, D) of classes in the batch or in memory, and which these are, (K,) bool."""
        present = counts > 0
        if not self.remember:
            return means, present
        if self.memory is None:
            raise not_built(self)
        remembered = self.memory.vectors.to(means.dtype, copy=True)  # the step comes before the backward pass
        return torch.where(present[:, None], means, remembered), present | self.memory.seen

    def observe(self, means: Tensor, counts: Tensor) -> None:
        """Takes the batch's means into the next step of the memory."""
        if self.memory is not None:
            self.memory.observe(means, counts > 0)

    def step(self) -> None:
        if self.memory is not None:
            self.memory.step()
