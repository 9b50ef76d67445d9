"""Class centres that outlive a batch: learned with a step of their own, or moving averages of class means."""

from typing import Literal

import torch
from torch import Tensor, nn

from ltseg.core.checks import check_positive, check_range

__all__ = ['Centers', 'LearnedCenters', 'MovingCenters']

Centers = Literal['batch', 'learnable', 'ema']


class LearnedCenters(nn.Module):
    """Centres c (K, D) that start at N(0, 1) and follow ``c <- c - learning_rate * gradient``.

    They are a buffer with a step of its own and no parameter: no momentum, weight decay, loss scale or gradient
    clipping of the optimizer reaches them, and all processes keep the same ones as their gradients are sums over all.

    Args:
        num_classes: K.
        feature_dim: D.
        learning_rate: Of the step.

    Example:
        >>> import torch
        >>> from ltseg.regularizers.centers import LearnedCenters
        >>> centers = LearnedCenters(num_classes=2, feature_dim=1, learning_rate=0.5)
        >>> _ = centers.vectors.zero_()
        >>> centers.pull(torch.tensor([[-4.0], [0.0]]))
        >>> centers.step()
        >>> centers.vectors.tolist()
        [[2.0], [0.0]]
    """

    def __init__(self, num_classes: int, feature_dim: int, learning_rate: float = 0.5) -> None:
        super().__init__()
        check_positive('LearnedCenters.learning_rate', learning_rate)
        self.learning_rate = learning_rate
        self.register_buffer('vectors', torch.randn(num_classes, feature_dim))
        self.vectors: Tensor
        self._gradient: Tensor | None = None

    def pull(self, gradient: Tensor) -> None:
        """Adds a term's gradient (K, D) to the next step, while the module trains and gradients are enabled."""
        if self.training and torch.is_grad_enabled():
            self._gradient = gradient.detach() if self._gradient is None else self._gradient + gradient.detach()

    def step(self) -> None:
        """Makes the step, without the classes whose gradient is not finite; a second call does nothing."""
        if self._gradient is not None:
            finite = self._gradient.isfinite().all(1, keepdim=True)
            gradient = torch.where(finite, self._gradient, 0.0).to(self.vectors.dtype)
            self.vectors -= self.learning_rate * gradient
            self._gradient = None


class MovingCenters(nn.Module):
    """Moving averages of the class means of batches, which stand in for the means of absent classes::

        m_k <- momentum * m_k + (1 - momentum) * mu_k    for the classes k in the batch, from the first mu_k on

    Args:
        num_classes: K.
        feature_dim: D.
        momentum: Of the average.

    Example:
        >>> import torch
        >>> from ltseg.regularizers.centers import MovingCenters
        >>> centers = MovingCenters(num_classes=2, feature_dim=1, momentum=0.75)
        >>> for mean in (4.0, 8.0):
        ...     centers.observe(torch.tensor([[mean], [0.0]]), present=torch.tensor([True, False]))
        ...     centers.step()
        >>> centers.vectors.tolist(), centers.seen.tolist()  # 0.75 * 4 + 0.25 * 8
        ([[5.0], [0.0]], [True, False])
    """

    def __init__(self, num_classes: int, feature_dim: int, momentum: float = 0.9) -> None:
        super().__init__()
        check_range('MovingCenters.momentum', momentum, 0, 1)
        self.momentum = momentum
        self.register_buffer('vectors', torch.zeros(num_classes, feature_dim))
        self.register_buffer('seen', torch.zeros(num_classes, dtype=torch.bool))
        self.vectors: Tensor
        self.seen: Tensor
        self._batch: tuple[Tensor, Tensor] | None = None

    def begin(self, means: Tensor, present: Tensor) -> None:
        """Makes the means (K, D) of the classes ``present`` (K,) the averages, whatever they were."""
        self.vectors.copy_(torch.where(present[:, None], means.to(self.vectors.dtype), self.vectors))
        self.seen |= present

    def observe(self, means: Tensor, present: Tensor) -> None:
        """Takes the batch's means (K, D) of the classes ``present`` (K,) into the next step."""
        if self.training and torch.is_grad_enabled():
            self._batch = means.detach().to(self.vectors.dtype), present

    def step(self) -> None:
        """Moves the averages, but for means that are not finite; a second call does nothing."""
        if self._batch is not None:
            means, present = self._batch
            present = present & means.isfinite().all(1)
            moved = torch.where(self.seen[:, None], torch.lerp(means, self.vectors, self.momentum), means)
            self.vectors.copy_(torch.where(present[:, None], moved, self.vectors))
            self.seen |= present
            self._batch = None
