"""The Lovász extension of the Jaccard index: a loss of sets of pixels, carried on to errors between 0 and 1."""

import torch
from torch import Tensor

from ltseg.core.torch_versions import is_compiling

__all__ = ['lovasz_gradient', 'lovasz_losses']


def lovasz_gradient(errors: Tensor, own: Tensor, measure: Tensor) -> Tensor:
    """The gradient g of the extension L(e) = sum_i g_i e_i, which is piecewise linear in the errors.

    A set S of wrong pixels has the loss J(S) = 1 - IoU. With pixels in decreasing order of their errors, g is the
    increase of J from the first i - 1 of them to the first i, here without the difference of two numbers close to 1::

        g_i = m_i / U_i                                     where the pixel has the class
        g_i = m_i (G - G_i) / (U_i (U_i - m_i))             elsewhere
        G = |labelled|,   G_i = |labelled among the first i|,   U_i = G + |others among the first i|

    Args:
        errors: e, (R, P), of each pixel of a region.
        own: Whether a pixel has the class, (R, P).
        measure: m, what a pixel counts, (R, P): bool, or a weight of at least 0.

    Returns:
        (R, P), without a graph; 0 where a region lacks the class.

    Source:
        Berman et al., The Lovász-Softmax Loss, CVPR 2018, algorithm 1.

    Example:
        >>> import torch
        >>> from ltseg.core.lovasz import lovasz_gradient
        >>> errors, own = torch.tensor([[0.9, 0.5, 0.1]]), torch.tensor([[True, False, True]])
        >>> lovasz_gradient(errors, own, torch.ones(1, 3)).tolist()  # of J = 1 / 2, 2 / 3, 1
        [[0.5, 0.1666666716337204, 0.3333333432674408]]
    """
    with torch.no_grad():
        order = errors.argsort(1, descending=True)
        own, measure = own.gather(1, order), measure.gather(1, order)
        # Sums of bool are of integers: exact, and deterministic on every device.
        labelled, others = (part.cumsum(1).to(errors.dtype) for part in (measure * own, measure * ~own))
        total = (measure * own).sum(1, keepdim=True).to(errors.dtype)
        measure, union = measure.to(errors.dtype), total + others
        ascent = torch.where(own, 1.0, (total - labelled) / (union - measure)) * measure / union
        return torch.zeros_like(errors).scatter_(1, order, ascent).where(total > 0, 0.0)


def lovasz_losses(
    probability: Tensor, labels: Tensor, measure: Tensor, of_images: bool = False
) -> tuple[Tensor, Tensor]:
    """The Lovász-Softmax loss of each region and class, and whether the class is present.

    Args:
        probability: p, (N, K, *).
        labels: Class indices in [0, K), (N, *).
        measure: What a pixel counts, (N, *), as in :func:`lovasz_gradient`.
        of_images: Whether each image is a region, or the batch is one.

    Returns:
        (R, K), 0 for absent classes; and (R, K) bool. R is N or 1.
    """

    def regions(values: Tensor) -> Tensor:
        return values.unsqueeze(-1).flatten(1) if of_images else values.reshape(1, -1)

    owns = torch.zeros_like(probability, dtype=torch.bool).scatter_(1, labels.unsqueeze(1), True)
    measure = regions(measure)
    looks = labels.device.type == 'cpu' and not is_compiling()  # an accelerator would have to wait
    losses, presence = [], []
    for of_class, own in zip(map(regions, probability.unbind(1)), map(regions, owns.unbind(1)), strict=True):
        present = (own & (measure > 0)).any(1)
        presence.append(present)
        if looks and not present.any():
            losses.append(0 * of_class.sum(1))
            continue
        errors = torch.where(own, 1 - of_class, of_class)
        losses.append((errors * lovasz_gradient(errors, own, measure)).sum(1))
    return torch.stack(losses, 1), torch.stack(presence, 1)
