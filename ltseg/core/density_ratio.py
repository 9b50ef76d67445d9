"""How far the logits of each class are the logarithm of a ratio of densities: sums over pixels."""

from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor

from ltseg.core.adjustment import Adjustment
from ltseg.core.layout import per_class, sums_of_images
from ltseg.core.regions import valid_logits

__all__ = ['HEADROOM', 'DensityRatios', 'RatioSums', 'highest_logits', 'ratio_losses']

HEADROOM = 40  # of the shift below the highest logit: sums of e^40 stay within float32, and so does e^-80 below it


class RatioSums(NamedTuple):
    """Of each region (an image, or a batch) and class, (R, K) each, with u_i the factor of a pixel::

        own          = sum_i u_i y_ik z_ik
        exponentials = sum_i u_i r_i exp(z_ik - shift_k),    r_i = sum_j y_ij / (K pi_j)
        pixels       = sum_i u_i y_ik

    Example:
        >>> import torch
        >>> from ltseg.core.density_ratio import RatioSums, ratio_losses
        >>> sums = RatioSums(*torch.tensor([[[0.0, 1.0]], [[2.0, 2.0]], [[1.0, 1.0]]]))  # two pixels, z = (0, 1)
        >>> losses, _ = ratio_losses(sums, torch.tensor([0.0, 1.0]), 0.5)
        >>> losses.tolist()  # 0; and -1 + 1 + 0.5 * 1^2
        [[0.0, 0.5]]
    """

    own: Tensor
    exponentials: Tensor
    pixels: Tensor


@dataclass(frozen=True, eq=False)
class DensityRatios:
    """The sums as a function of logits and labels that knows its gradient::

        dL / dz_k = scale_k u (g_own y_k + g_exponentials r exp(z_k - shift_k))

    with g = dL / dS the gradients by the sums, and z' under the adjustment for z.

    Args:
        adjustment: Terms on the device and in the precision of the logits. Weight and smoothing are not used.
        prior: pi, (K,), above 0.
        shift: (K,), about the highest logit of each class, so that no exponential overflows.
        ignore_index: Label of the pixels to leave out.

    Example:
        >>> import torch
        >>> from ltseg.core.adjustment import Adjustment
        >>> from ltseg.core.density_ratio import DensityRatios, RatioSums
        >>> ratios = DensityRatios(Adjustment(), torch.tensor([0.75, 0.25]), torch.zeros(2))
        >>> logits, labels = torch.tensor([[3.0, 0.0]]), torch.tensor([1])  # r = 1 / (2 * 0.25)
        >>> ratios(logits, labels).exponentials[0, 1].item()
        2.0
        >>> of_own = RatioSums(torch.ones(1, 2), torch.zeros(1, 2), torch.zeros(1, 2))
        >>> ratios.gradient(logits, labels, of_own).tolist()
        [[0.0, 1.0]]
    """

    adjustment: Adjustment
    prior: Tensor
    shift: Tensor
    ignore_index: int = -100
    kind: ClassVar[type] = RatioSums

    def __call__(self, logits: Tensor, labels: Tensor, weight: Tensor | None = None) -> RatioSums:
        """What these pixels add to the sums of each image, with a graph.

        Args:
            logits: (N, K, *).
            labels: Class indices (N, *), or probabilities (N, K, *).
            weight: u, the factor of each pixel, broadcast to (N, *).
        """
        adjusted, shares, drawn = self._terms(logits, labels, weight)
        exponentials = drawn * torch.exp(adjusted - per_class(self.shift, adjusted))
        return RatioSums(sums_of_images(shares * adjusted), sums_of_images(exponentials), sums_of_images(shares))

    def gradient(self, logits: Tensor, labels: Tensor, received: RatioSums) -> Tensor:
        """What reaches the logits of the gradient ``received`` by the sums, (N, K, *)."""
        adjusted, shares, drawn = self._terms(logits, labels)
        of_own, of_exponentials, _ = (each.view(*each.shape, *[1] * (logits.ndim - 2)) for each in received)
        gradient = torch.exp(adjusted - per_class(self.shift, adjusted)).mul_(drawn * of_exponentials)
        gradient += shares * of_own
        return gradient if self.adjustment.scale is None else gradient * per_class(self.adjustment.scale, logits)

    def _terms(self, logits: Tensor, labels: Tensor, weight: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor]:
        """z', (N, K, *); u y, (N, K, *); u r, (N, 1, *)."""
        adjusted, kept, labels = valid_logits(logits, labels, self.adjustment, self.ignore_index)
        weights = kept.to(adjusted) if weight is None else kept * weight.to(adjusted)
        if labels.is_floating_point():
            shares = labels.to(adjusted) * weights.unsqueeze(1)
        else:
            shares = torch.zeros_like(adjusted).scatter_(1, labels.unsqueeze(1), weights.unsqueeze(1))
        importance = per_class(1 / (len(self.prior) * self.prior), adjusted)
        return adjusted, shares, (shares * importance).sum(1, keepdim=True)


def highest_logits(logits: Tensor, labels: Tensor, adjustment: Adjustment, ignore_index: int) -> Tensor:
    """The highest z' of each class over the pixels that count, (K,), without graph; -inf where there is none.

    Labels of another resolution do not say which logits count: then it is that of all finite ones, which bilinear
    upsampling does not exceed, but comes below. A margin is left out.
    """
    logits = logits.detach()
    counts = logits.isfinite()
    if not labels.is_floating_point() and labels.shape[1:] == logits.shape[2:]:
        counts &= (labels != ignore_index).unsqueeze(1)
    if adjustment.scale is not None:
        logits = logits * per_class(adjustment.scale, logits)
    if adjustment.bias is not None:
        logits = logits + per_class(adjustment.bias, logits)
    rows = torch.where(counts, logits, -torch.inf).transpose(0, 1).flatten(1)  # (K, pixels)
    return torch.cat([rows, rows.new_full((len(rows), 1), -torch.inf)], 1).amax(1)


def ratio_losses(sums: RatioSums, shift: Tensor, penalty: float) -> tuple[Tensor, Tensor]:
    """The loss of each region and class, and whether the class is present::

        loss_k = -E_k z_k + log E_u exp(z_k) + penalty (log E_u exp(z_k))^2

    with E_k the mean over the pixels of class k, and E_u that over all pixels, each weighted by r.

    Args:
        sums: Of all pixels of each region, (R, K) each.
        shift: That of the sums, (K,).
        penalty: Weight of the square, at least 0.

    Returns:
        (R, K), which means nothing for absent classes; and (R, K) bool.
    """
    present = sums.pixels > 0
    mean = sums.own / sums.pixels.where(present, 1.0)
    number = sums.pixels.sum(1, keepdim=True)
    average = (sums.exponentials / number.where(number > 0, 1.0)).where(present, 1.0)
    log_average = average.clamp(min=torch.finfo(average.dtype).tiny).log() + shift
    return -mean + log_average + penalty * log_average.square(), present
