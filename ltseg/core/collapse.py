"""How far features and classifier are from neural collapse, as figures, in the widest numbers of the device.

``vectors`` and ``means`` are (K, D): one row for each class. The figures are those of the formulas' sources but for
normalisers and centres that are named with each.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ltseg.core.geometry import directions
from ltseg.core.precision import widened

__all__ = [
    'Balance',
    'Equiangularity',
    'balance',
    'centred',
    'equiangularity',
    'nearest_mean_disagreement',
    'off_diagonal',
    'relative_products',
    'self_duality_gap',
    'simplex_angle',
    'within_class_variability',
]


def centred(vectors: Tensor, center: Tensor | None = None) -> Tensor:
    """Vectors as seen from ``center``; by default their mean, in which each class has the same share."""
    vectors = widened(vectors.detach())
    return vectors - (vectors.mean(0) if center is None else center)


def off_diagonal(matrix: Tensor) -> Tensor:
    """The K (K - 1) entries of a square matrix that are not on its diagonal."""
    return matrix[~torch.eye(len(matrix), dtype=torch.bool, device=matrix.device)]


def within_class_variability(within: Tensor, means: Tensor) -> Tensor:
    """NC1, the variation within classes in the directions in which the class means differ::

        tr(S_W S_B^+) / K,    S_B = 1/K sum_k (mu_k - mu_C) (mu_k - mu_C)^T

    Args:
        within: S_W, (*, D, D).
        means: (K, D), of present classes only.

    Returns:
        (*), 0 for collapsed classes; infinite where classes vary and all means coincide.

    Source:
        Papyan, Han and Donoho, Prevalence of neural collapse, PNAS 2020. S_B has rank K - 1 at most: the pseudoinverse
        keeps that many directions, where one with a cutoff may count rounding errors.
    """
    rows = centred(means)
    _, sizes, basis = torch.linalg.svd(rows, full_matrices=False)
    rank = min(len(rows) - 1, rows.shape[1])
    sizes, basis = sizes[:rank], basis[:rank]
    kept = sizes > torch.finfo(rows.dtype).eps * max(rows.shape) * widened(means.detach()).norm()
    within = widened(within)
    if not kept.any():
        trace = within.diagonal(dim1=-2, dim2=-1).sum(-1)
        return torch.where(trace > 0, torch.inf, torch.zeros_like(trace))
    spread = ((basis @ within) * basis).sum(-1)
    return (spread[..., kept] / sizes[kept].square()).sum(-1)  # 1/K of S_B and of the trace cancel


def simplex_angle(num_classes: int) -> float:
    """The angle of any two vectors of a simplex, ``arccos(-1 / (K - 1))``, in degrees."""
    return math.degrees(math.acos(-1 / (num_classes - 1)))


@dataclass(frozen=True)
class Equiangularity:
    """NC2 of vectors as they are given; center them first where the figure is of centred ones.

    Args:
        norm_variation: Standard deviation of the norms over their mean.
        cosine_deviation: Standard deviation of the cosines of all pairs.
        simplex_gap: Mean of ``|cos + 1 / (K - 1)|`` over all pairs.
        least_angle: Degrees.

    Example:
        >>> import torch
        >>> from ltseg.core.collapse import centred, equiangularity
        >>> equiangularity(torch.eye(3))
        Equiangularity(norm_variation=0.0, cosine_deviation=0.0, simplex_gap=0.5, least_angle=90.0)
        >>> round(equiangularity(centred(torch.eye(3))).least_angle, 4)  # that of a simplex
        120.0
    """

    norm_variation: float
    cosine_deviation: float
    simplex_gap: float
    least_angle: float


def equiangularity(vectors: Tensor) -> Equiangularity:
    """NC2 of ``vectors``, all standard deviations over the population.

    Source:
        Papyan, Han and Donoho, PNAS 2020; Zhang et al., All-around Neural Collapse, TKDE 2025, eq. 6-7 (cosines).
    """
    vectors = widened(vectors.detach())
    norms, unit, ideal = vectors.norm(dim=1), directions(vectors), -1 / (len(vectors) - 1)
    cosines = off_diagonal(unit @ unit.T).clamp(-1, 1)
    return Equiangularity(
        norm_variation=(norms.std(correction=0) / norms.mean()).item(),
        cosine_deviation=cosines.std(correction=0).item(),
        simplex_gap=(cosines - ideal).abs().mean().item(),
        least_angle=cosines.max().arccos().rad2deg().item(),
    )


def self_duality_gap(classifier: Tensor, means: Tensor) -> float:
    """NC3, ``| W / |W|_F - M / |M|_F |_F`` with M the centred class means and W as it is; 0 to 2.

    Source:
        Zhang et al., All-around Neural Collapse, TKDE 2025, eq. 4. Released code of Papyan et al. squares it.
    """
    weights, centred_means = widened(classifier.detach()), centred(means)
    return (weights / weights.norm() - centred_means / centred_means.norm()).norm().item()


def nearest_mean_disagreement(rows: Tensor, logits: Tensor, means: Tensor) -> Tensor:
    """NC4, for each of N features (N, D) whether the classifier and the nearest class mean decide differently, (N,)."""
    nearest = torch.cdist(widened(rows.detach()), widened(means.detach())).argmin(1)
    return nearest != logits.argmax(1)


@dataclass(frozen=True)
class Balance:
    """ARB-Loss' measures of a classifier; all are 0 for a simplex.

    Args:
        product: B_D, standard deviation of the products ``w_i . w_j`` over all pairs.
        angle: B_A, that of the cosines.
        length: B_L, that of the norms.

    Example:
        >>> import torch
        >>> from ltseg.core.collapse import balance
        >>> balance(torch.eye(2) * torch.tensor([1.0, 3.0]))  # at right angles, of lengths 1 and 3
        Balance(product=0.0, angle=0.0, length=1.0)
    """

    product: float
    angle: float
    length: float


def balance(vectors: Tensor, literal: bool = False) -> Balance:
    """The balance of ``vectors``.

    Args:
        vectors: (K, D).
        literal: Whether K (K - 1) pairs are divided by (K - 1)^2, as printed. That is neither a mean nor a variance:
            it is not 0 for a simplex, which the paper says it is.

    Source:
        Xie et al., ARB-Loss, Neurocomputing 2023, eq. 19; the figures are the roots of the variances there.
    """
    vectors = widened(vectors.detach())
    unit = directions(vectors)
    pairs = (len(vectors) - 1) ** 2 if literal else len(vectors) * (len(vectors) - 1)

    def deviation(values: Tensor) -> float:
        return ((values - values.sum() / pairs).square().sum() / pairs).sqrt().item()

    norms = vectors.norm(dim=1)
    return Balance(
        product=deviation(off_diagonal(vectors @ vectors.T)),
        angle=deviation(off_diagonal(unit @ unit.T)),
        length=norms.std(correction=0).item(),
    )


def relative_products(vectors: Tensor) -> Tensor:
    """Matrix M: ``w_i . w_j / sum_{k != i} w_i . w_k`` for i != j, else 0, (K, K); 1 / (K - 1) for a simplex.

    Rows sum to 1, but for those whose sum below is nearly 0: it counts as 1e-12 there, with its sign.

    Source:
        Xie et al., ARB-Loss, Neurocomputing 2023, eq. 20.
    """
    vectors = widened(vectors.detach())
    products = (vectors @ vectors.T).fill_diagonal_(0)
    sums = products.sum(1, keepdim=True)
    least = torch.full_like(sums, 1e-12).copysign(sums)
    return products / torch.where(sums.abs() < 1e-12, least, sums)
