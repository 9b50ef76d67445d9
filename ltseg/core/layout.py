"""Shape and precision that the terms of a computation meet in."""

import torch
from torch import Tensor

__all__ = ['at_least_float32', 'per_class', 'sums_of_images']


def at_least_float32(values: Tensor) -> Tensor:
    """``values`` in float32, or in float64 where they are."""
    return values if values.dtype == torch.float64 else values.float()


def per_class(term: Tensor, logits: Tensor) -> Tensor:
    """``term`` (K,) shaped to broadcast over ``logits`` (N, K, *)."""
    return term.view(1, -1, *[1] * (logits.ndim - 2))


def sums_of_images(values: Tensor) -> Tensor:
    """Sums over the pixels of each image, (N, K, *) -> (N, K)."""
    return values.unsqueeze(-1).flatten(2).sum(2)
