"""A random sample of each class out of any number of features, in one pass and fixed memory."""

from dataclasses import dataclass

import torch
from torch import Tensor

from ltseg.core.checks import check_integer
from ltseg.core.collectives import gathered_rows
from ltseg.core.precision import widened, widest_dtype

__all__ = ['ClassSample']


@dataclass(frozen=True, eq=False)
class ClassSample:
    """At most ``per_class`` samples of each class, every one with the same chance; all of them where there are fewer.

    Args:
        rows: Features (M, D) float32, or of the precision of those given.
        labels: (M,) int64.
        predictions: The classifier's decision for each, (M,) int64.
        keys: Random numbers in [0, 1); the samples kept of a class are those with the smallest, (M,).
        per_class: Most samples of a class.

    Example:
        >>> import torch
        >>> from ltseg.core.class_sample import ClassSample
        >>> rows, labels = torch.randn(6, 4), torch.tensor([0, 0, 0, 0, 0, 1])
        >>> first, second = (ClassSample.of(rows, labels, predictions=labels, per_class=3) for _ in range(2))
        >>> (first + second).labels.bincount().tolist()  # 3 of 10, and both of 2
        [3, 2]
    """

    rows: Tensor
    labels: Tensor
    predictions: Tensor
    keys: Tensor
    per_class: int

    @classmethod
    def of(
        cls, rows: Tensor, labels: Tensor, predictions: Tensor, per_class: int, generator: torch.Generator | None = None
    ) -> 'ClassSample':
        """A sample of features (N, D)."""
        check_integer('ClassSample.per_class', per_class, 1)
        keys = torch.rand(len(labels), dtype=widest_dtype(labels.device), device=labels.device, generator=generator)
        return cls(rows.detach(), labels, predictions, keys, per_class)._cut()

    def __add__(self, other: 'ClassSample') -> 'ClassSample':
        """A sample of both sets of features together."""
        pairs = zip(self._parts(), other._parts(), strict=True)
        return self._with([torch.cat(pair) for pair in pairs])._cut()

    def gathered(self) -> 'ClassSample':
        """A sample of the features of all processes; every process must come here."""
        return self._with([gathered_rows(part) for part in self._parts()])._cut()

    def _parts(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        return self.rows, self.labels, self.predictions, self.keys

    def _with(self, parts: list[Tensor]) -> 'ClassSample':
        return ClassSample(parts[0], parts[1], parts[2], parts[3], self.per_class)

    def _cut(self) -> 'ClassSample':
        by_key = self.keys.argsort()
        ordered, order = self.labels[by_key].sort(stable=True)
        rank = torch.arange(len(ordered), device=ordered.device) - torch.searchsorted(ordered, ordered)
        kept = by_key[order[rank < self.per_class]]
        return self._with([part[kept] for part in self._parts()])

    def class_means(self, values: Tensor, num_classes: int) -> Tensor:
        """The mean of ``values`` (M,) over the samples of each class, (K,); nan for absent classes."""
        values = widened(values)
        sums = values.new_zeros(2, num_classes)
        sums.index_add_(1, self.labels, torch.stack([values, torch.ones_like(values)]))
        return sums[0] / sums[1]
