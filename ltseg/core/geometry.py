"""The geometry of features and class vectors: simplex frames."""

import torch
from torch import Tensor

from ltseg.core.checks import fault

__all__ = ['simplex_vectors']


def simplex_vectors(num_classes: int, dimensions: int, generator: torch.Generator | None = None) -> Tensor:
    """Unit vectors of a simplex equiangular tight frame in a random orientation::

        M = sqrt(K / (K - 1)) P (I - 1 1^T / K),    m_i . m_j = -1 / (K - 1)  for i != j

    Args:
        num_classes: K.
        dimensions: D, at least K - 1.
        generator: Of the orientation P.

    Returns:
        (K, D) float64.

    Raises:
        ValueError: If D < K - 1, where no such frame exists.

    Source:
        Xie et al., ARB-Loss, Neurocomputing 2023, eq. 5-6. P there needs D >= K; an orthonormal basis of the K - 1
        dimensions that the frame spans needs one less.
    """
    if dimensions < num_classes - 1:
        cure = 'Use wider features or a learned classifier.'
        raise ValueError(fault('simplex', f'at least {num_classes - 1} feature dimensions', dimensions, cure))
    centred = torch.eye(num_classes, dtype=torch.float64) - 1 / num_classes
    basis = torch.linalg.eigh(centred).eigenvectors[:, 1:]  # (K, K - 1), spans what is orthogonal to 1
    random = torch.randn(dimensions, num_classes - 1, dtype=torch.float64, generator=generator)
    orientation = torch.linalg.qr(random).Q  # (D, K - 1)
    return (num_classes / (num_classes - 1)) ** 0.5 * basis @ orientation.T
