"""What contrastive terms have in common: views, a sample of pixels, all processes, a projection."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor, distributed, nn

from ltseg.core.checks import check_choice, check_integer, check_positive
from ltseg.core.collectives import gathered_rows
from ltseg.core.errors import InvalidValueError
from ltseg.core.features import FeatureBatch, chosen_views, stratified_sample
from ltseg.core.geometry import at_labels, class_sums, directions
from ltseg.core.reduction import world_size
from ltseg.regularizers.projection import Projection, Unprojected
from ltseg.regularizers.regularizer import Regularizer, not_built

__all__ = ['ContrastiveTerm', 'PairwiseTerm', 'Samples']


class Samples(NamedTuple):
    """What a term compares.

    Args:
        features: (N, V, D), of all processes.
        labels: (N,), -1 for ignored samples.
        own: Which of them are of this process, (M,) int64.
        valid: Which are not ignored, (N,) bool; None where all are valid.

    Example:
        >>> import torch
        >>> from ltseg.core.features import FeatureBatch
        >>> from ltseg.regularizers.contrastive_term import ContrastiveTerm
        >>> batch = FeatureBatch(torch.zeros(4, 3, 8), torch.tensor([0, 0, 1, 1]), num_classes=2)
        >>> samples = ContrastiveTerm(views=[1, 2], loss_name='loss_contrastive').samples(batch)
        >>> tuple(samples.features.shape), samples.own.tolist()
        ((4, 2, 8), [0, 1, 2, 3])
    """

    features: Tensor
    labels: Tensor
    own: Tensor
    valid: Tensor | None = None


class ContrastiveTerm(Regularizer):
    """A term that compares samples after a projection.

    Attributes:
        normalised_projection: Whether the projection has a batch normalisation.

    Args:
        views: Which of the V views it takes; None for all.
        hidden_channels: Of the projection; None compares the features themselves.
        out_channels: Of the projection.
        max_samples: Most samples of a process. Of more, such as the pixels of a dense head, it takes a random part, as
            many of rare classes as of frequent ones.
        **options: As for :class:`ltseg.regularizers.regularizer.Regularizer`. With ``sync``, the samples of all
            processes are compared with each other, and share the batch normalisation of the projection.

    Example:
        >>> import torch
        >>> from ltseg.core.features import FeatureBatch, mean_of_valid
        >>> from ltseg.regularizers.contrastive_term import ContrastiveTerm
        >>> class Alignment(ContrastiveTerm):
        ...     def value(self, batch):
        ...         features, _, _, valid = self.samples(batch)
        ...         first, second = (self.projected(view, valid) for view in features.unbind(1))
        ...         return mean_of_valid((first - second).square().sum(1), valid)
        >>> term = Alignment(hidden_channels=None, loss_name='loss_alignment')
        >>> term(FeatureBatch(torch.eye(2)[None], torch.tensor([0]), num_classes=2)).item()  # views (1, 0) and (0, 1)
        2.0
    """

    normalised_projection = True

    def __init__(
        self,
        *,
        views: Sequence[int] | None = None,
        hidden_channels: int | None = 512,
        out_channels: int = 128,
        max_samples: int = 1024,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        check_integer(f'{type(self).__name__}.max_samples', max_samples, 1)
        if views is not None and (not views or any(not isinstance(view, int) or view < 0 for view in views)):
            raise InvalidValueError(f'{type(self).__name__}.views', 'numbers of views', repr(views))
        self.views = None if views is None else list(views)
        self.hidden_channels, self.out_channels, self.max_samples = hidden_channels, out_channels, max_samples
        self.projection: nn.Module | None = Unprojected() if hidden_channels is None else None

    def build(self, num_classes: int, feature_dim: int) -> None:
        if self.hidden_channels is None:
            self.out_channels = feature_dim
        else:
            sizes = feature_dim, self.hidden_channels, self.out_channels
            self.projection = Projection(*sizes, normalised=self.normalised_projection)

    @property
    def least_rows(self) -> int:
        """Fewer give nothing: the normalisation in a projection needs two."""
        return 1 if self.hidden_channels is None or not self.normalised_projection else 2

    def samples(self, batch: FeatureBatch) -> Samples:
        """The views of the samples that are compared; all are ignored where fewer than ``least_rows`` are valid.

        Raises:
            ValueError: If there are fewer views than ``views`` names.
        """
        features, labels = batch.features, batch.labels
        if self.views is not None:
            if max(self.views) >= features.shape[1]:
                hint = 'Let the data preprocessor give more views, or change views.'
                got = f'{features.shape[1]} views'
                raise InvalidValueError(type(self).__name__, f'the views {self.views}', got, hint)
            features = chosen_views(features, self.views)
        if len(labels) > self.max_samples:
            chosen = stratified_sample(labels, self.max_samples)
            features, labels = features[chosen], labels[chosen]
        if self.sync and world_size() > 1:
            rank = distributed.get_rank()
            own = (gathered_rows(torch.full_like(labels, rank)) == rank).nonzero().squeeze(1)
            features, labels = gathered_rows(features), gathered_rows(labels)
        else:
            own = torch.arange(len(labels), device=labels.device)
        if batch.valid is None:
            return Samples(features, labels, own)
        valid = labels >= 0
        valid = valid & (valid.sum() * features.shape[1] >= self.least_rows)
        return Samples(features, torch.where(valid, labels, -1), own, valid)

    def projected(self, rows: Tensor, valid: Tensor | None = None) -> Tensor:
        """The rows (N, D) after the projection, (N, out_channels); its statistics are of the ``valid`` ones (N,)."""
        if self.projection is None:
            raise not_built(self)
        return self.projection(rows, valid)


class PairwiseTerm(ContrastiveTerm):
    """The mean over anchors, which are all views of all samples, of a loss that compares each with the others.

    Attributes:
        of_directions: Whether rows have norm 1.

    Args:
        temperature: Divisor of the cosines, or of distances.
        anchors: 'samples' gives each anchor the same share in the mean, 'classes' each class that the batch has.
        **options: As for :class:`ContrastiveTerm`.

    Example:
        >>> import torch
        >>> from ltseg.core.features import FeatureBatch
        >>> from ltseg.regularizers.contrastive_term import PairwiseTerm
        >>> class Uniformity(PairwiseTerm):
        ...     def losses(self, batch, rows, labels, own):
        ...         return (rows[own] @ rows.T / self.temperature).mean(1)
        >>> term = Uniformity(temperature=0.5, hidden_channels=None, loss_name='loss_uniformity')
        >>> batch = FeatureBatch(torch.eye(2)[:, None], torch.tensor([0, 1]), num_classes=2)
        >>> term(batch).item()  # cosines 1 and 0: (1 + 0) / 0.5 / 2
        1.0
    """

    of_directions = True

    def __init__(self, temperature: float, anchors: Literal['samples', 'classes'] = 'samples', **options: Any) -> None:
        super().__init__(**options)
        check_positive(f'{type(self).__name__}.temperature', temperature)
        check_choice(f'{type(self).__name__}.anchors', anchors, ('samples', 'classes'))
        self.temperature, self.anchors = temperature, anchors

    @abstractmethod
    def losses(self, batch: FeatureBatch, rows: Tensor, labels: Tensor, own: Tensor) -> Tensor:
        """The losses (M,) of ``rows[own]``.

        Args:
            batch: The samples before the projection, and the classifier.
            rows: The projected views of all samples, (N * V, D), those of a sample side by side.
            labels: (N * V,), -1 for ignored samples, which are to have the loss 0 and no part in that of others.
            own: Which rows are of this process, (M,) int64.
        """

    def value(self, batch: FeatureBatch) -> Tensor:
        features, labels, own, valid = self.samples(batch)
        views = features.shape[1]
        if len(features) * views < self.least_rows:
            return self.nothing(batch)
        compared = FeatureBatch(features, labels, batch.num_classes, batch.classifier, valid)
        valid = None if valid is None else valid.repeat_interleave(views)
        rows = self.projected(features.flatten(0, 1), valid)
        rows = directions(rows) if self.of_directions else rows
        own = (own[:, None] * views + torch.arange(views, device=own.device)).flatten()
        labels = labels.repeat_interleave(views)
        losses = self.losses(compared, rows, labels, own)
        if self.anchors == 'classes':
            _, counts = class_sums(rows.detach(), labels, batch.num_classes)
            shares = (counts > 0).sum().clamp(min=1) * at_labels(counts, labels[own]).clamp(min=1)
            losses = losses * ((len(rows) if valid is None else counts.sum()) / shares)
        # Each process has the anchors of its own samples and the keys of all.
        number = len(rows) if valid is None else valid.sum().clamp(min=1)
        return losses.sum() * ((world_size() if self.sync else 1) / number)
