"""The adjusted cross entropy of class indices with its gradient written down."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ltseg.core.adjustment import Adjustment
from ltseg.core.cross_entropy import adjusted_cross_entropy, complement
from ltseg.core.layout import per_class

__all__ = ['AdjustedCrossEntropy']

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
        valid = labels != self.ignore_index
        own = labels.where(valid, 0).unsqueeze(1)
        scaled = self._scaled(logits, own)
        of_own = scaled.gather(1, own)
        unsmoothed = None if self.adjustment.smoothing is None else scaled.clone()
        power = scaled.exp2_()
        total = power.sum(1, keepdim=True)
        log_probability = (of_own - total.log2()).div_(LOG2_E).squeeze(1)
        losses, slope, weight = self.of_labels(log_probability, labels)
        slope = slope.unsqueeze(1)
        if unsmoothed is None:
            gradient = power.mul_(slope / -total).scatter_add_(1, own, slope)
        else:
            spread, coefficients = self._of_all(unsmoothed.sub_(total.log2()).div_(LOG2_E), own, valid)
            losses = losses + spread
            of_all = slope + coefficients.sum(1, keepdim=True)
            gradient = power.mul_(of_all / -total).add_(coefficients).scatter_add_(1, own, slope)
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
            return -log_probability, -torch.ones_like(log_probability)
        missing = complement(log_probability)
        factor = missing**self.focusing
        slope = self.focusing * factor / missing * log_probability * log_probability.exp() - factor
        return -log_probability * factor, slope

    def _of_all(self, log_probability: Tensor, own: Tensor, valid: Tensor) -> tuple[Tensor, Tensor]:
        """What smoothing adds to the losses, (N, *), and to c_j f'(log p_j), (N, K, *)."""
        terms = self.adjustment
        share = terms.smoothing[own] * valid.unsqueeze(1) / log_probability.shape[1]
        if terms.weight is not None:
            share = share * per_class(terms.weight, log_probability)
        if terms.bias is not None:
            outside = per_class(terms.bias == -torch.inf, log_probability)
            share, log_probability = share * ~outside, log_probability.masked_fill(outside, 0)
        value, slope = self._focal(log_probability)
        return (share * value).sum(1), share * slope
