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
        batch = total.to(self.place(total.device), torch.float64)
        held = self.held(batch.shape[1], outcomes.device)
        self.keep(batch if held is None else torch.where(batch.sum(0) > 0, self.momentum * held + batch, held))

    def extra_repr(self) -> str:
        return f'sync={self.sync}, momentum={self.momentum}'
