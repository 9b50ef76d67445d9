"""Which pixels of an image are context, by the class activation of its label, and images on contexts of others."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from ltseg.core.layout import at_least_float32

__all__ = ['context_masks', 'on_contexts']


def context_masks(maps: Tensor, vectors: Tensor, size: Sequence[int]) -> tuple[Tensor, Tensor]:
    """How much each pixel is context and not object, ``M = (1 - up(a))^2``, by the class activation of the label::

        A = relu(w_y . F),    a = (A - min A) / (max A - min A)    over the cells of a map

    Behind average pooling and a linear layer, the gradient of the label's logit is the same vector in every cell,
    w_y over their number. So this is Grad-CAM (Selvaraju et al., ICCV 2017, eq. 1 and 2), which needs no gradient here.

    Args:
        maps: F, the maps before pooling, (N, D, h, w).
        vectors: w_y, the vector of each image's label, (N, D).
        size: Height and width of the images in pixels.

    Returns:
        M, (N, 1, H, W) in [0, 1]: 0 at the peak of the activation, 1 where there is none. Whether the activation is of
        any shape, (N,) bool; M is 1 everywhere in a flat one.

    Example:
        >>> import torch
        >>> from ltseg.core.context_shift import context_masks
        >>> maps = torch.tensor([[[[4.0, 2.0, -3.0]]], [[[-1.0, -1.0, -1.0]]]])  # two images of three cells
        >>> masks, shaped = context_masks(maps, torch.ones(2, 1), (1, 3))
        >>> masks.flatten(1).tolist(), shaped.tolist()
        ([[0.0, 0.25, 1.0], [1.0, 1.0, 1.0]], [True, False])
    """
    activation = F.relu((at_least_float32(vectors)[:, :, None, None] * at_least_float32(maps)).sum(1, keepdim=True))
    low, high = activation.amin((2, 3), keepdim=True), activation.amax((2, 3), keepdim=True)
    shaped = high > low
    unit = torch.where(shaped, (activation - low) / (high - low).where(shaped, 1.0), 0.0)
    return (1 - F.interpolate(unit, list(size), mode='bicubic').clamp(0, 1)).square(), shaped.flatten()


def on_contexts(images: Tensor, contexts: Tensor, masks: Tensor, share: float) -> Tensor:
    """Images with the context of others before them, ``share M c + (1 - share M) x``.

    Args:
        images: x, (N, C, H, W).
        contexts: c, the images that contexts come from, (N, C, H, W).
        masks: M, which of their pixels are context, (N, 1, H, W) in [0, 1].
        share: Of the context, in [0, 1].

    Example:
        >>> import torch
        >>> from ltseg.core.context_shift import on_contexts
        >>> masks = torch.tensor([0.0, 0.5, 1.0]).view(1, 1, 1, 3)
        >>> on_contexts(torch.zeros(1, 1, 1, 3), torch.ones(1, 1, 1, 3), masks, share=1.0).flatten().tolist()
        [0.0, 0.5, 1.0]
    """
    weights = (share * masks).to(images.dtype)
    return weights * contexts + (1 - weights) * images
