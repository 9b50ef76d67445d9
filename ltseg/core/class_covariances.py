"""Mean and covariance of the features of each class, and what features drawn from them do to the logits."""

from dataclasses import dataclass

import torch
from torch import Tensor

from ltseg.core.geometry import at_labels, class_sums
from ltseg.core.precision import widened
from ltseg.core.reduction import all_reduced_sum

__all__ = ['ClassCovariances', 'expected_shift']


@dataclass(frozen=True, eq=False)
class ClassCovariances:
    """Counts, means and covariances of features of K classes.

    Args:
        counts: (K,) int64, samples of each class.
        means: (K, D), zeros for classes without samples.
        covariances: (K, D, D), or their diagonals (K, D), with the divisor n; zeros for classes without samples.

    Example:
        >>> import torch
        >>> from ltseg.core.class_covariances import ClassCovariances
        >>> rows, labels = torch.tensor([[1.0], [3.0], [7.0]]), torch.tensor([0, 0, 1])
        >>> first, rest = (ClassCovariances.of(rows[part], labels[part], 2) for part in (slice(1), slice(1, 3)))
        >>> (first + rest).means.tolist(), (first + rest).covariances.tolist()
        ([[2.0], [7.0]], [[[1.0]], [[0.0]]])
    """

    counts: Tensor
    means: Tensor
    covariances: Tensor

    @classmethod
    def of(cls, rows: Tensor, labels: Tensor, num_classes: int, diagonal: bool = False) -> 'ClassCovariances':
        """Those of features ``rows`` (N, D) with ``labels`` (N,) int64 in [0, K), or -1 for rows to leave out.

        Args:
            rows, labels, num_classes: As above.
            diagonal: Whether to compute the variance of each dimension only.
        """
        rows = torch.where(labels[:, None] < 0, 0.0, rows.detach())
        sums, counts = class_sums(rows, labels, num_classes)
        means = sums / counts.clamp(min=1)[:, None]
        rest = rows - at_labels(means, labels)
        if diagonal:
            scatter, _ = class_sums(rest.square(), labels, num_classes)
        else:
            scatter = torch.stack([_scatter(rest, labels == k) for k in range(num_classes)])
        return cls(counts.long(), means, scatter / _per_class(counts.clamp(min=1), scatter))

    def __add__(self, other: 'ClassCovariances') -> 'ClassCovariances':
        """Those of both sets of features together::

        n = m + m',    mu = (m nu + m' nu') / n
        Sigma = (m S + m' S') / n + m m' / n^2 (nu - nu') (nu - nu')^T
        """
        counts = self.counts + other.counts
        share = (widened(other.counts) / counts.clamp(min=1)).to(self.means.dtype)  # m' / n
        gap = other.means - self.means
        of_means = _outer(gap, self.covariances)
        part = _per_class(share, self.covariances)
        covariances = torch.lerp(self.covariances, other.covariances, part) + part * (1 - part) * of_means
        return ClassCovariances(counts, self.means + share[:, None] * gap, covariances)

    def all_reduced(self) -> 'ClassCovariances':
        """Those of the features of all processes; every process must come here."""
        counts = all_reduced_sum(self.counts)
        share = (widened(self.counts) / counts.clamp(min=1)).to(self.means.dtype)
        means = all_reduced_sum(self.means * share[:, None])
        gap = self.means - means
        of_means = _outer(gap, self.covariances)
        own = _per_class(share, self.covariances)
        return ClassCovariances(counts, means, all_reduced_sum(own * (self.covariances + of_means)))


def _scatter(rest: Tensor, chosen: Tensor) -> Tensor:
    own = torch.where(chosen[:, None], rest, 0.0)
    return own.T @ own


def _outer(gap: Tensor, like: Tensor) -> Tensor:
    """The products of gaps (K, D) with themselves, matrices or diagonals as ``like`` (K, *)."""
    return gap.square() if like.ndim == 2 else gap[:, :, None] * gap[:, None, :]


def _per_class(values: Tensor, like: Tensor) -> Tensor:
    """Values (K,) shaped to broadcast over ``like`` (K, *)."""
    return values.view(-1, *[1] * (like.ndim - 1))


def expected_shift(vectors: Tensor, covariances: Tensor) -> Tensor:
    """Half the variance of the difference of two logits over features of each class::

        M_yj = 1/2 (w_j - w_y)^T Sigma_y (w_j - w_y)

    By Jensen's inequality, the mean cross entropy of features h + e, e ~ N(0, Sigma_y), with logits z = W h + b, is at
    most that of the logits z_j + M_yj.

    Args:
        vectors: Class vectors w, (K, D).
        covariances: Sigma, (K, D, D), or their diagonals (K, D).

    Returns:
        (K, K) with its gradient; row y is for samples of class y, and its own column is 0.
    """
    if covariances.ndim == 2:
        weighted = covariances * vectors
        square = covariances @ vectors.square().T  # w_j^T Sigma_y w_j
        product = weighted @ vectors.T  # w_y^T Sigma_y w_j
    else:
        mapped = covariances @ vectors.T  # (K, D, K)
        square = (mapped * vectors.T).sum(1)
        product = (mapped * vectors[:, :, None]).sum(1)
    shift = (square + product.diagonal()[:, None]) / 2 - product
    own = torch.eye(len(shift), dtype=torch.bool, device=shift.device)
    return shift.masked_fill(own, 0)
