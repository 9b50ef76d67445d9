"""Features as regularizers see them: rows of samples, with their labels and the classifier behind them."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ltseg.core.checks import check_integer
from ltseg.core.errors import InvalidValueError
from ltseg.core.layout import at_least_float32

__all__ = ['FeatureBatch', 'chosen_views', 'feature_rows', 'mean_of_valid', 'nearest_labels', 'stratified_sample']


@dataclass(frozen=True, eq=False)
class FeatureBatch:
    """What enters the classifier, for one process: V views of each of N samples.

    Ignored samples stay, with the label -1 and features of 0 whatever they were, so that shapes do not depend on values
    and no accelerator has to wait for the CPU. No gradient goes to them, and no term may count them.

    Args:
        features: (N, V, D). Half precision becomes float32, so that sums and exponentials of it keep their digits.
        labels: (N,) int64 in [0, K); of ignored samples, any.
        num_classes: K.
        classifier: Class vectors (K, D) with their gradient, or None where the classifier is not linear.
        valid: (N,) bool, False for ignored samples; None where there are none.
        branch_logits: (N, V, B, K), where the classifier has B branches that it adds up.
        bias: Of a linear classifier (K,) with its gradient, or None where there is none.
        numbers: (N,) int64 on the CPU, the number of each image in its data set; None where they are not known.

    Raises:
        ValueError: If the shapes do not fit.

    Example:
        >>> import torch
        >>> from ltseg.core.features import FeatureBatch
        >>> batch = FeatureBatch(torch.zeros(3, 2, 8), torch.tensor([0, 0, 1]), num_classes=2)
        >>> rows, labels = batch.rows
        >>> tuple(rows.shape), labels.tolist()
        ((6, 8), [0, 0, 0, 0, 1, 1])
        >>> valid = torch.tensor([True, False])
        >>> FeatureBatch(torch.full((2, 1, 1), torch.nan), torch.tensor([1, 255]), 2, valid=valid).labels.tolist()
        [1, -1]
    """

    features: Tensor
    labels: Tensor
    num_classes: int
    classifier: Tensor | None = None
    valid: Tensor | None = None
    branch_logits: Tensor | None = None
    bias: Tensor | None = None
    numbers: Tensor | None = None

    def __post_init__(self) -> None:
        if self.features.ndim != 3 or self.labels.shape != self.features.shape[:1]:
            got = (tuple(self.features.shape), tuple(self.labels.shape))
            raise InvalidValueError('FeatureBatch', 'features (N, V, D) and labels (N,)', repr(got))
        if self.classifier is not None:
            if self.classifier.ndim != 2 or self.classifier.shape[0] != self.num_classes:
                shape = tuple(self.classifier.shape)
                raise InvalidValueError('FeatureBatch.classifier', f'{self.num_classes} rows (K, D)', repr(shape))
            object.__setattr__(self, 'classifier', at_least_float32(self.classifier))
        if self.valid is not None:
            if self.valid.shape != self.labels.shape or self.valid.dtype != torch.bool:
                given = f'{tuple(self.valid.shape)} of {self.valid.dtype}'
                raise InvalidValueError('FeatureBatch.valid', f'{len(self.labels)} bool', given)
            object.__setattr__(self, 'labels', torch.where(self.valid, self.labels, -1))
            object.__setattr__(self, 'features', torch.where(self.valid[:, None, None], self.features, 0.0))
            if self.branch_logits is not None:
                kept = torch.where(self.valid[:, None, None, None], self.branch_logits, 0.0)
                object.__setattr__(self, 'branch_logits', kept)
        object.__setattr__(self, 'features', at_least_float32(self.features))
        if self.branch_logits is not None:
            object.__setattr__(self, 'branch_logits', at_least_float32(self.branch_logits))
        if self.bias is not None:
            object.__setattr__(self, 'bias', at_least_float32(self.bias))

    @property
    def rows(self) -> tuple[Tensor, Tensor]:
        """The views as samples of their own: features (N * V, D) and labels (N * V,)."""
        return self.features.flatten(0, 1), self.labels.repeat_interleave(self.features.shape[1])

    @property
    def class_vectors(self) -> Tensor:
        """The classifier (K, D).

        Raises:
            ValueError: If there is none.
        """
        if self.classifier is None:
            hint = 'Use terms on features only with this head.'
            raise InvalidValueError('regularizer', 'a classifier with one vector for each class', 'none', hint)
        return self.classifier


def chosen_views(features: Tensor, views: Sequence[int]) -> Tensor:
    """Some of the V views, (N, V, *) -> (N, V', *); as an index, a list would be copied to the device."""
    return torch.stack([features[:, view] for view in views], 1)


def mean_of_valid(values: Tensor, valid: Tensor | None) -> Tensor:
    """The mean of values (N,) over the samples that are ``valid`` (N,), 0 where none is; None for all samples."""
    if valid is None:
        return values.mean()
    return torch.where(valid, values, 0.0).sum() / valid.sum().clamp(min=1)


def nearest_labels(labels: Tensor, size: Sequence[int]) -> Tensor:
    """Labels (N, h, w) at another resolution (H, W): of row r, that in row floor(r h / H), and so with columns."""
    rows, columns = (  # in whole numbers, which are exact where a float scale is not
        torch.arange(to, device=labels.device) * of // to for to, of in zip(size, labels.shape[1:], strict=True)
    )
    return labels[:, rows[:, None], columns]


def feature_rows(features: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """The pixels of feature maps, with the nearest label.

    Args:
        features: (N, D, H, W).
        labels: (N, h, w) of any resolution, or (N, 1, h, w).

    Returns:
        Rows (N * H * W, D) and their labels (N * H * W,) int64, as :class:`FeatureBatch` wants them but for the axis of
        views.

    Raises:
        ValueError: If the shapes do not fit.
    """
    labels = labels.squeeze(1) if labels.ndim == 4 else labels
    if features.ndim != 4 or labels.ndim != 3 or len(features) != len(labels):
        got = (tuple(features.shape), tuple(labels.shape))
        raise InvalidValueError('feature_rows', 'features (N, D, H, W) and labels (N, h, w)', repr(got))
    return features.permute(0, 2, 3, 1).flatten(0, 2), nearest_labels(labels, features.shape[2:]).flatten().long()


def stratified_sample(labels: Tensor, limit: int, generator: torch.Generator | None = None) -> Tensor:
    """A random subset with as many samples of rare classes as of frequent ones, for terms that compare pairs.

    Of more than ``limit`` samples, ignored ones are left out first, and then the classes with most give up samples. How
    many are left is known beforehand: no accelerator has to wait for the CPU.

    Args:
        labels: (N,) int64, negative for ignored samples.
        limit: Most samples.
        generator: Of the choice.

    Returns:
        Indices into ``labels``, (min(N, limit),) int64, without repetition.
    """
    check_integer('stratified_sample.limit', limit, 1)
    shuffled = torch.randperm(len(labels), generator=generator, device=labels.device)
    ordered, order = labels[shuffled].sort(stable=True)
    place = torch.arange(len(labels), device=labels.device)
    rank = place - torch.searchsorted(ordered, ordered)  # 0, 1, 2 ... within each class
    rank = torch.where(ordered < 0, len(labels), rank)
    ties = torch.rand(len(labels), generator=generator, device=labels.device)  # of classes that are all too many
    return shuffled[order[(rank + ties).argsort()[:limit]]]
