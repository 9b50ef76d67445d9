"""The geometry of features and class vectors: class means, directions, simplex frames."""

import torch
from torch import Tensor

from ltseg.core.collectives import summed
from ltseg.core.errors import InvalidValueError
from ltseg.core.reduction import all_reduced_sum

__all__ = [
    'at_labels',
    'centred_directions',
    'class_means',
    'class_sums',
    'directions',
    'exact_distances',
    'simplex_gram',
    'simplex_vectors',
    'uniform_vectors',
]

UNIFORM_STEPS, UNIFORM_RATE = 500, 0.05  # of the search where there is no simplex


def class_sums(rows: Tensor, labels: Tensor, num_classes: int) -> tuple[Tensor, Tensor]:
    """The sum and the number of the rows of each class.

    Args:
        rows: (N, D).
        labels: (N,) int64 in [0, K), or -1 for rows to leave out, whatever they are.
        num_classes: K.

    Returns:
        Sums (K, D) with their gradient, and counts (K,) in the precision of ``rows``; zeros for absent classes.
    """
    places = labels + 1  # the first sum is of the rows to leave out
    sums = rows.new_zeros(num_classes + 1, rows.shape[1]).index_add(0, places, rows)
    counts = rows.new_zeros(num_classes + 1).index_add(0, places, rows.new_ones(len(rows)))
    return sums[1:], counts[1:]


def at_labels(values: Tensor, labels: Tensor) -> Tensor:
    """Those of the ``values`` of classes (K, *) that ``labels`` (N,) name, (N, *); zeros for the label -1."""
    return torch.cat([torch.zeros_like(values[:1]), values])[labels + 1]


def class_means(rows: Tensor, labels: Tensor, num_classes: int, sync: bool = True) -> tuple[Tensor, Tensor]:
    """The mean of each class over all samples of all processes, and how many there are.

    Args:
        rows: (N, D).
        labels: (N,) int64 in [0, K), or -1 for rows to leave out.
        num_classes: K.
        sync: Whether samples of all processes count. Then every process must come here, backward as well.

    Returns:
        Means (K, D) with their gradient, and counts (K,); zeros for absent classes.
    """
    sums, counts = class_sums(rows, labels, num_classes)
    if sync:
        sums, counts = summed(sums), all_reduced_sum(counts)
    return sums / counts.clamp(min=1)[:, None], counts


def directions(vectors: Tensor, least_norm: float | Tensor = 0.0) -> Tensor:
    """Vectors (K, D) scaled to norm 1; zeros, with gradient zero, where the norm is ``least_norm`` or less."""
    norms = torch.linalg.vector_norm(vectors, dim=1, keepdim=True)
    long = norms > least_norm
    return torch.where(long, vectors, 0.0) / torch.where(long, norms, 1.0)


def exact_distances(first: Tensor, second: Tensor) -> Tensor:
    """Euclidean distances of rows (M, D) and (N, D), (M, N), and not by differences of the squares of their norms."""
    return torch.cdist(first, second, compute_mode='donot_use_mm_for_euclid_dist')


def centred_directions(means: Tensor, known: Tensor | None = None) -> Tensor:
    """Directions of class means from their common centre, in which each class has the same share::

        v_k = (mu_k - mu_C) / |mu_k - mu_C|,    mu_C = mean of mu_k over the known classes

    Args:
        means: (K, D).
        known: (K,) bool, the classes that have a mean; None for all.

    Returns:
        (K, D); zeros, with gradient zero, for unknown classes and where a mean is the centre but for rounding errors.
    """
    known = torch.ones(len(means), dtype=torch.bool, device=means.device) if known is None else known
    means = torch.where(known[:, None], means, 0.0)
    centred = torch.where(known[:, None], means - means.sum(0) / known.sum().clamp(min=1), 0.0)
    rounding = 8 * torch.finfo(means.dtype).eps * torch.linalg.vector_norm(means.detach(), dim=1).amax()
    return directions(centred, rounding)


def simplex_gram(like: Tensor, num_classes: int | Tensor) -> Tensor:
    """The Gram matrix of a simplex of K unit vectors, 1 on the diagonal and -1 / (K - 1) elsewhere.

    Args:
        like: Square matrix of the size, type and device of the result.
        num_classes: K, at least 2; it may be smaller than the matrix.
    """
    one = torch.eye(len(like), dtype=like.dtype, device=like.device)
    return one - (1 - one) / (num_classes - 1)


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
        hint = 'Use wider features or a learned classifier.'
        raise InvalidValueError('simplex', f'at least {num_classes - 1} feature dimensions', repr(dimensions), hint)
    centred = torch.eye(num_classes, dtype=torch.float64) - 1 / num_classes
    basis = torch.linalg.eigh(centred).eigenvectors[:, 1:]  # (K, K - 1), spans what is orthogonal to 1
    random = torch.randn(dimensions, num_classes - 1, dtype=torch.float64, generator=generator)
    orientation = torch.linalg.qr(random).Q  # (D, K - 1)
    return (num_classes / (num_classes - 1)) ** 0.5 * basis @ orientation.T


def uniform_vectors(
    num_classes: int, dimensions: int, temperature: float = 0.07, generator: torch.Generator | None = None
) -> Tensor:
    """Unit vectors that are as far from each other as they can be: a simplex, or where there is none a minimum of::

        sum_i log sum_{j != i} exp(t_i . t_j / temperature)

    Args:
        num_classes: K, at least 2.
        dimensions: D.
        temperature: Of the repulsion: the smaller it is, the more do nearest neighbours count.
        generator: Of the orientation, or of the vectors that the search starts from.

    Returns:
        (K, D) float64.

    Source:
        Li et al., Targeted Supervised Contrastive Learning for Long-Tailed Recognition, CVPR 2022, section 3.2, where
        j = i, which adds a constant to each inner sum, is not left out.
    """
    if dimensions >= num_classes - 1:
        return simplex_vectors(num_classes, dimensions, generator)
    free = torch.randn(num_classes, dimensions, dtype=torch.float64, generator=generator).requires_grad_()
    optimizer = torch.optim.Adam([free], UNIFORM_RATE)
    itself = torch.eye(num_classes, dtype=torch.bool)
    with torch.enable_grad():
        for _ in range(UNIFORM_STEPS):
            optimizer.zero_grad()
            vectors = directions(free)
            scores = (vectors @ vectors.T / temperature).masked_fill(itself, -torch.inf)
            scores.logsumexp(dim=1).sum().backward()
            optimizer.step()
    return directions(free.detach())
