"""What every regularizer is."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ltseg.core.checks import check_range
from ltseg.core.errors import WrongStateError
from ltseg.core.features import FeatureBatch
from ltseg.schedules import Schedule, training_progress

__all__ = ['Regularizer', 'not_built']


class Regularizer(nn.Module):
    """A term on features, class means or classifier vectors that a head adds to its losses.

    A head calls :meth:`build`, :meth:`share` and :meth:`attach` once, then the module for each batch, and :meth:`step`
    after all terms of a training batch; :class:`ltseg.regularizers.RegularizerGroup` does so.

    Args:
        loss_weight: Factor of the term.
        schedule: Arguments of a :class:`ltseg.schedules.Schedule`, a further factor over training.
        loss_name: Name in the log; mmengine optimises what has "loss" in its name.
        sync: Whether sums over samples cover all processes. Without it each process has the term of its own samples.

    Example:
        >>> import torch
        >>> from ltseg.core.features import FeatureBatch, mean_of_valid
        >>> from ltseg.regularizers import Regularizer
        >>> class FeatureDecay(Regularizer):
        ...     def value(self, batch):
        ...         return mean_of_valid(batch.features.square().sum(-1).mean(1), batch.valid)
        >>> term = FeatureDecay(loss_weight=0.5, loss_name='loss_decay')
        >>> term(FeatureBatch(torch.ones(4, 1, 3), torch.zeros(4).long(), num_classes=2)).item()  # 0.5 * (1 + 1 + 1)
        1.5
    """

    def __init__(
        self, *, loss_weight: float = 1.0, schedule: dict | None = None, loss_name: str, sync: bool = True
    ) -> None:
        super().__init__()
        check_range(f'{type(self).__name__}.loss_weight', loss_weight, 0)
        self.loss_weight, self.loss_name, self.sync = loss_weight, loss_name, sync
        self.schedule = None if schedule is None else Schedule(**schedule)

    def build(self, num_classes: int, feature_dim: int) -> None:  # noqa: B027, most have nothing to build
        """Makes what depends on the number of classes K and of feature dimensions D."""

    def share(self, terms: Sequence['Regularizer']) -> None:  # noqa: B027, most share nothing
        """Takes over what belongs to other terms of the same head."""

    def attach(self, classifier: nn.Module) -> None:  # noqa: B027, most share nothing
        """Takes over what belongs to the classifier of the same head."""

    @abstractmethod
    def value(self, batch: FeatureBatch) -> Tensor:
        """The term itself, a scalar with a graph for any batch."""

    def step(self) -> None:  # noqa: B027, most have nothing to do
        """Updates what is not learned by the optimizer."""

    @property
    def has_state(self) -> bool:
        """Whether a batch changes what later ones see."""
        return next(self.buffers(), None) is not None

    def factor(self) -> Any:
        """``loss_weight``, times that of the schedule at this point of training.

        In compiled code this is a scalar, which cannot be branched on. A term with a state, which must not change
        where the factor is 0, looks at the number, and compiled code is left for it.
        """
        if self.schedule is None:
            return self.loss_weight
        number = self.schedule.factor(training_progress()) if self.has_state else self.schedule.current()
        return self.loss_weight * number

    def forward(self, batch: FeatureBatch) -> Tensor:
        """The weighted term of a batch, in float32 or better also under autocast; 0 with a graph where the factor is 0.

        The factor is that of the training and therefore the same in all processes, so that none waits for another.
        """
        factor = self.factor()
        if not isinstance(factor, Tensor) and factor == 0:
            return self.nothing(batch)
        with torch.autocast(batch.features.device.type, enabled=False):
            return factor * self.value(batch)

    def nothing(self, batch: FeatureBatch) -> Tensor:
        """0 with a graph in features and parameters, for whose gradients DistributedDataParallel waits."""
        total = batch.features.flatten()[:0].sum()
        for parameter in self.parameters():
            total = total + parameter.flatten()[:0].sum()
        return total

    def extra_repr(self) -> str:
        return f'loss_weight={self.loss_weight}, loss_name={self.loss_name!r}, sync={self.sync}'


def not_built(regularizer: Regularizer) -> WrongStateError:
    """What to raise where a batch comes before :meth:`Regularizer.build`."""
    hint = 'Call build(num_classes, feature_dim), or let RegularizerGroup do so.'
    return WrongStateError(type(regularizer).__name__, 'to be built before the first batch', 'a batch', hint)
