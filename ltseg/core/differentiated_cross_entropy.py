"""The adjusted cross entropy of class indices with its gradient written down."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ltseg.core.adjustment import Adjustment
from ltseg.core.cross_entropy import adjusted_cross_entropy, complement
from ltseg.core.layout import per_class

__all__ = ['AdjustedCrossEntropy', 'ShiftedCrossEntropy']

LOG2_E = 1 / math.log(2)


@dataclass(frozen=True, eq=False)
class AdjustedCrossEntropy:
    """:func:`adjusted_cross_entropy` as a function of logits and labels that knows its gradient::

        loss = sum_j c_j f(log p_j),    f(l) = -(1 - e^l)^focusing l,    c_j = q_j weight_j
        dloss / dz_k = scale_k (c_k f'(log p_k) - p_k sum_j c_j f'(log p_j))

    with p = softmax(z'), z' and q of :class:`Adjustment`. Autograd would keep log p and two gradients of its size.

    Args:
        adjustment: Terms on the device and in the precision of the logits.
        focusing: Exponent of the focal factor.
        ignore_index: Label of the samples to leave out.

    Example:
        >>> import torch
        >>> from ltseg.core.adjustment import Adjustment
        >>> from ltseg.core.differentiated_cross_entropy import AdjustedCrossEntropy
        >>> loss = AdjustedCrossEntropy(Adjustment())
        >>> value, weight, gradient = loss.value_and_gradient(torch.zeros(1, 2), torch.tensor([0]))
        >>> round(value.item(), 4), weight, gradient.tolist()  # log 2, and p - onehot
        (0.6931, None, [[-0.5, 0.5]])
    """

    adjustment: Adjustment
    focusing: float = 0.0
    ignore_index: int = -100

    def __call__(self, logits: Tensor, labels: Tensor) -> tuple[Tensor, Tensor | None]:
        """The loss and the class weight of each sample, with a graph; labels may be probabilities."""
        return adjusted_cross_entropy(logits, labels, self.adjustment, self.focusing, self.ignore_index)

    def value_and_gradient(self, logits: Tensor, labels: Tensor) -> tuple[Tensor, Tensor | None, Tensor]:
        """The loss and the class weight of each sample, and the gradient of the summed losses, without a graph.

        Args:
            logits: (N, K, *).
            labels: Class indices (N, *).

        Returns:
            (N, *); (N, *), or None without class weights; (N, K, *).
        """
        own = labels.where(labels != self.ignore_index, 0).unsqueeze(1)
        scaled = self._scaled(logits, own)
        of_own = scaled.gather(1, own)
        unsmoothed = None if self.adjustment.smoothing is None else scaled.clone()
        power = scaled.exp2_()
        total = power.sum(1, keepdim=True)
        losses, slope, weight = self.of_labels((of_own - total.log2()).div_(LOG2_E).squeeze(1), labels)
        slope = slope.unsqueeze(1)
        if unsmoothed is None:
            gradient = power.mul_(slope / -total).scatter_add_(1, own, slope)
        else:
            value, slopes = self._of_all(unsmoothed.sub_(total.log2()).div_(LOG2_E), labels)
            losses = losses + value
            gradient = power.mul_((slope + slopes.sum(1, keepdim=True)) / -total)
            gradient.add_(slopes).scatter_add_(1, own, slope)
        if self.adjustment.scale is not None:
            gradient *= per_class(self.adjustment.scale, logits)
        return losses, weight, gradient

    def of_labels(self, log_probability: Tensor, labels: Tensor) -> tuple[Tensor, Tensor, Tensor | None]:
        """The term j = y of each sample, its derivative by log p_y, and the class weight, each (N, *).

        Args:
            log_probability: log p_y, (N, *); anything where ignored.
            labels: y, (N, *).
        """
        valid = labels != self.ignore_index
        labels = labels.where(valid, 0)
        value, slope = self._focal(log_probability.masked_fill(~valid, 0))
        factor = valid.to(value.dtype)
        weight = None if self.adjustment.weight is None else self.adjustment.weight[labels] * factor
        factor = factor if weight is None else weight
        if self.adjustment.smoothing is not None:
            factor = factor * (1 - self.adjustment.smoothing[labels])
        return value * factor, slope * factor, weight

    def _scaled(self, logits: Tensor, own: Tensor) -> Tensor:
        """z' less its maximum, in units of log 2: powers of 2 are much faster than those of e on some CPUs."""
        terms = self.adjustment
        scaled = logits * (LOG2_E if terms.scale is None else per_class(LOG2_E * terms.scale, logits))
        if terms.bias is not None:
            scaled += per_class(LOG2_E * terms.bias, logits)
        if terms.margin is not None:
            scaled.scatter_add_(1, own, -LOG2_E * terms.margin[own])
        return scaled.sub_(scaled.amax(1, keepdim=True))

    def _focal(self, log_probability: Tensor) -> tuple[Tensor, Tensor]:
        """f and f'."""
        if not self.focusing:
            return -log_probability, log_probability.new_full((), -1)
        missing = complement(log_probability)
        factor = missing**self.focusing
        slope = self.focusing * factor / missing * log_probability * log_probability.exp() - factor
        return -log_probability * factor, slope

    def spread(self, labels: Tensor) -> Tensor:
        """Share of each label that smoothing takes from it, (N, *); 0 where ignored."""
        valid = labels != self.ignore_index
        return torch.as_tensor(self.adjustment.smoothing)[labels.where(valid, 0)] * valid

    def spread_weights(self, logits: Tensor) -> Tensor:
        """What each class gets of what is spread, times its weight, (K,); 0 outside the softmax."""
        share = logits.new_full(logits.shape[1:2], 1 / logits.shape[1])
        if self.adjustment.weight is not None:
            share = share * self.adjustment.weight
        return share if self.adjustment.bias is None else share.masked_fill(self.adjustment.bias == -torch.inf, 0)

    def _of_all(self, log_probability: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """What smoothing adds to the losses, (N, *), and to c_j f'(log p_j), (N, K, *); writes to what it is given."""
        weights = per_class(self.spread_weights(log_probability), log_probability)
        spread = self.spread(labels)
        value, slope = self._focal(log_probability.masked_fill_(weights == 0, 0))
        return value.mul_(weights).sum(1) * spread, slope * weights * spread.unsqueeze(1)


@dataclass(frozen=True, eq=False)
class ShiftedCrossEntropy:
    """Adjusted cross entropy of logits that are shifted by what depends on them and on the labels without a gradient.

    Args:
        shift: Logits without a graph (N, K, *) and class indices in [0, K) (N, *) -> what is added, (N, K, *).
        ignore_index: Label of the samples to leave out.
        adjustment: Of the shifted logits, as in :class:`AdjustedCrossEntropy`; None adjusts nothing.

    Example:
        >>> import torch
        >>> from ltseg.core.differentiated_cross_entropy import ShiftedCrossEntropy
        >>> loss = ShiftedCrossEntropy(lambda logits, labels: torch.tensor([[0.0, 3.0]]).log())
        >>> value, _, gradient = loss.value_and_gradient(torch.tensor([[0.0, 0.0]]), torch.tensor([1]))
        >>> gradient.abs().tolist()  # softmax of the shift minus that of the label
        [[0.0, 0.0]]
    """

    shift: Callable[[Tensor, Tensor], Tensor]
    ignore_index: int = -100
    adjustment: Adjustment | None = None  # a default that is an object would not compile

    def __call__(self, logits: Tensor, labels: Tensor) -> tuple[Tensor, Tensor | None]:
        """The loss and the class weight of each sample, as :class:`AdjustedCrossEntropy`."""
        return self._of_shifted(self._shifted(logits, labels), labels)

    def value_and_gradient(self, logits: Tensor, labels: Tensor) -> tuple[Tensor, Tensor | None, Tensor]:
        """The same two, and the gradient of the summed losses."""
        return self._of_shifted.value_and_gradient(self._shifted(logits, labels), labels)

    @property
    def _of_shifted(self) -> AdjustedCrossEntropy:
        adjustment = Adjustment() if self.adjustment is None else self.adjustment
        return AdjustedCrossEntropy(adjustment, ignore_index=self.ignore_index)

    def _shifted(self, logits: Tensor, labels: Tensor) -> Tensor:
        return logits + self.shift(logits.detach(), labels.where(labels != self.ignore_index, 0))
