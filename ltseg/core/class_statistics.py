"""Class means and the within-class scatter of any number of features, in one pass."""

from dataclasses import dataclass

import torch
from torch import Tensor

from ltseg.core.geometry import class_sums
from ltseg.core.precision import widened
from ltseg.core.reduction import all_reduced_sum

__all__ = ['ClassStatistics']


@dataclass(frozen=True, eq=False)
class ClassStatistics:
    """Statistics of N features of K classes, all in the widest numbers of the device.

    Args:
        counts: (K,), samples of each class.
        means: (K, D), zeros for absent classes.
        scatter: (D, D), ``sum_i (h_i - mu_yi) (h_i - mu_yi)^T``.
        squares: (K,), ``sum_{y_i = k} |h_i - mu_k|^2``.

    Example:
        >>> import torch
        >>> from ltseg.core.class_statistics import ClassStatistics
        >>> rows, labels = torch.tensor([[1.0], [3.0], [7.0]]), torch.tensor([0, 0, 1])
        >>> first, rest = (ClassStatistics.of(rows[part], labels[part], 2) for part in (slice(1), slice(1, 3)))
        >>> (first + rest).means.tolist(), (first + rest).variances.tolist()
        ([[2.0], [7.0]], [1.0, 0.0])
    """

    counts: Tensor
    means: Tensor
    scatter: Tensor
    squares: Tensor

    @classmethod
    def of(cls, rows: Tensor, labels: Tensor, num_classes: int) -> 'ClassStatistics':
        """Statistics of the features ``rows`` (N, D) with ``labels`` (N,) int64 in [0, K)."""
        rows = widened(rows.detach())
        sums, counts = class_sums(rows, labels, num_classes)
        means = sums / counts.clamp(min=1)[:, None]
        rest = rows - means[labels]
        squares = counts.new_zeros(num_classes).index_add(0, labels, rest.square().sum(1))
        return cls(counts, means, rest.T @ rest, squares)

    def __add__(self, other: 'ClassStatistics') -> 'ClassStatistics':
        """Statistics of both sets of features together."""
        counts = self.counts + other.counts
        gap = other.means - self.means
        means = self.means + gap * (other.counts / counts.clamp(min=1))[:, None]
        # Without subtracting large sums: Chan, Golub and LeVeque, The American Statistician 1983.
        share = self.counts * other.counts / counts.clamp(min=1)
        scatter = self.scatter + other.scatter + (gap * share[:, None]).T @ gap
        return ClassStatistics(counts, means, scatter, self.squares + other.squares + share * gap.square().sum(1))

    def all_reduced(self) -> 'ClassStatistics':
        """Statistics of the features of all processes; every process must come here."""
        counts = all_reduced_sum(self.counts)
        means = all_reduced_sum(self.means * self.counts[:, None]) / counts.clamp(min=1)[:, None]
        gap = self.means - means
        scatter = all_reduced_sum(self.scatter + (gap * self.counts[:, None]).T @ gap)
        return ClassStatistics(
            counts, means, scatter, all_reduced_sum(self.squares + self.counts * gap.square().sum(1))
        )

    @property
    def within(self) -> Tensor:
        """The covariance within classes (D, D), averaged over samples."""
        return self.scatter / self.counts.sum().clamp(min=1)

    @property
    def variances(self) -> Tensor:
        """The mean squared distance from the class mean, (K,); nan for absent classes."""
        return torch.where(self.counts > 0, self.squares / self.counts.clamp(min=1), torch.nan)

    @property
    def present_means(self) -> Tensor:
        """The means of the classes that have samples."""
        return self.means[self.counts > 0]
