"""How much of each class a model gets right while it trains."""

from dataclasses import replace

import torch
from torch import Tensor, nn

from ltseg.core.checks import check_range
from ltseg.core.precision import widened
from ltseg.core.reduction import all_reduced_sum, world_size
from ltseg.counts.class_counts import ClassCounts
from ltseg.counts.running_state import RunningState

__all__ = ['RunningRecall']


class RunningRecall(RunningState, nn.Module):
    """Right and missed samples of each class over the batches seen so far::

        right_k  <- momentum * right_k  + r_k
        missed_k <- momentum * missed_k + m_k       where r_k + m_k > 0

    with r and m those of a batch. A class that is absent from a batch keeps what it has, so that its recall,
    ``right / (right + missed)``, is that of the batches in which it was last seen. Both are 0 until it is seen.

    ``ltseg.ValidationRecall`` makes it that of the last validation instead, which batches do not change.

    Args:
        sync: Whether batches are those of all processes.
        momentum: In [0, 1]; 0 remembers the last batch with the class alone, 1 all of them alike.

    Example:
        >>> import torch
        >>> from ltseg.counts.class_counts import ClassCounts
        >>> from ltseg.counts.running_recall import RunningRecall
        >>> recall, counts = RunningRecall(momentum=0.5), ClassCounts.from_list([0, 0])
        >>> for outcomes in ([[1, 0], [3, 2]], [[3, 0], [1, 0]]):  # class 1 is absent from the second batch
        ...     recall.observe(torch.tensor(outcomes))
        >>> recall(counts).right.tolist(), recall(counts).missed.tolist()
        ([3.5, 0.0], [2.5, 2.0])
    """

    what = 'running recall'

    def __init__(self, sync: bool = True, momentum: float = 0.99) -> None:
        super().__init__()
        check_range('running recall momentum', momentum, 0, 1)
        self.sync, self.momentum = sync, momentum
        self.of_validation = False
        self._state = self.empty(rows=2)

    def forward(self, counts: ClassCounts) -> ClassCounts:
        """``counts`` with what was right and missed in earlier batches."""
        device = counts.samples.device
        held = self.held(counts.num_classes, device)
        known = torch.zeros(2, counts.num_classes, device=device) if held is None else held.to(device)
        right, missed = widened(known)
        return replace(counts, right=right, missed=missed)

    def observe(self, outcomes: Tensor) -> None:
        """Takes in a batch while it :attr:`advances`; every process must come here.

        Args:
            outcomes: r and m, (2, K), as :func:`ltseg.core.right_samples.outcomes` counts them.
        """
        if not self.advances:
            return
        total = all_reduced_sum(outcomes) if self.sync and world_size() > 1 else outcomes
        self._take(total, self.momentum)

    @property
    def advances(self) -> bool:
        """Whether this batch is to change the state; none is where it is that of validation."""
        return super().advances and not self.of_validation

    def follow_validation(self, num_classes: int, device: torch.device) -> None:
        """From now on the state is that of :meth:`validated`; until then it is what was loaded, or 0 of K classes."""
        held, place = self.held(num_classes, device), self.place(device)
        self.keep(torch.zeros(2, num_classes, dtype=torch.float64, device=place) if held is None else held)
        self.of_validation = True

    def validated(self, outcomes: Tensor) -> None:
        """Takes in the r and m, (2, K), of a validation instead of those of the one before."""
        self._take(outcomes.to(self._state.device), momentum=0.0)

    def _take(self, outcomes: Tensor, momentum: float) -> None:
        batch = outcomes.to(self.place(outcomes.device), torch.float64)
        held = self.held(batch.shape[1], outcomes.device)
        self.keep(batch if held is None else torch.where(batch.sum(0) > 0, momentum * held + batch, held))

    def extra_repr(self) -> str:
        return f'sync={self.sync}, momentum={self.momentum}'
