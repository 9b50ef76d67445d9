"""Where a loss takes its class counts from; spelled ``counts=...`` in every loss."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from os import PathLike
from typing import Any

import torch
from torch import Tensor, nn

from ltseg.core.checks import check_choice, check_range
from ltseg.core.errors import InvalidValueError, WrongStateError
from ltseg.core.graph_capture import RUN_BEFORE, refuse_capture
from ltseg.core.reduction import all_reduced_sum, world_size
from ltseg.counts.class_counts import ClassCounts, Unit
from ltseg.counts.label_counts import count_labels
from ltseg.counts.running_state import RunningState

__all__ = ['MODES', 'ClassCountsSource', 'CountsOption', 'RunningCounts', 'build_counts']

CountsOption = str | PathLike | Sequence[float]
MODES = ('batch', 'dataset', 'sampled', 'ema', 'accumulated')
COUNTED_BEFORE = ('dataset', 'sampled')  # training, by ltseg.CountClasses


class ClassCountsSource(nn.Module):
    """Class counts of the batch (``mode='batch'``), or the same ones for every batch ('dataset', 'sampled', 'fixed').

    Args:
        mode: 'batch' counts each batch's labels; 'dataset' and 'sampled' wait until ``ltseg.CountClasses`` fills them
            before training, from the label files or from what sampler and pipeline deliver; 'fixed' was filled from a
            list or a table.
        sync: Whether batch counts cover all processes.
        unit: What counts of a data set give a loss for its samples: pixels ('samples'), or the images that contain the
            class, for a loss with one sample for each class of an image.

    Example:
        >>> import torch
        >>> from ltseg.counts.sources import ClassCountsSource
        >>> source, labels = ClassCountsSource('batch'), torch.tensor([[0, 0, 1, 255]])
        >>> source(labels, num_classes=3, ignore_index=255).samples.tolist()
        [2, 1, 0]
    """

    def __init__(self, mode: str, sync: bool = True, unit: Unit = 'samples') -> None:
        super().__init__()
        self.mode, self.sync, self.unit = mode, sync, unit
        self._filled: ClassCounts | None = None
        self._placed: ClassCounts | None = None  # the same on the device of the labels
        self._unmixed: Tensor | None = None
        self.class_names: tuple[str, ...] | None = None
        self.num_images: int | None = None  # of the data set, with whatever classes
        self.cause_of_empty_classes = ''

    @property
    def waiting(self) -> bool:
        """Whether these are counts that nobody has made yet."""
        return self.mode in COUNTED_BEFORE and self._filled is None

    @property
    def constant(self) -> bool:
        """Whether every batch gets the same counts."""
        return self.mode in (*COUNTED_BEFORE, 'fixed')

    @property
    def filled(self) -> ClassCounts | None:
        """The counts that every batch gets, where they are known."""
        return self._filled

    def fill(self, table: Any) -> None:
        """Takes over the counts of a ``CountsTable`` or a ``ClassCounts``."""
        counts = getattr(table, 'learned', table)
        self._filled, self._placed = counts.counted_in(self.unit), None  # those of a list are in the unit already
        self.class_names = getattr(table, 'class_names', None)
        self.num_images = getattr(table, 'provenance', {}).get('files')
        self.cause_of_empty_classes = getattr(table, 'cause_of_empty_classes', '')

    @contextmanager
    def counting(self, labels: Tensor) -> Iterator[None]:
        """Within it, batches are counted by these class indices, where the labels of the loss are mixed."""
        self._unmixed = labels
        try:
            yield
        finally:
            self._unmixed = None

    def forward(self, labels: Tensor, num_classes: int, ignore_index: int = -100) -> ClassCounts:
        """The counts to use for a batch.

        Args:
            labels: Class indices (N, *) int64, or probabilities (N, K, *).
            num_classes: K of the logits.
            ignore_index: Label that is not counted.

        Raises:
            RuntimeError: If the data set has not been counted.
            ValueError: If the counts are of another number of classes, or a label lies outside the classes.
        """
        if not self.constant:
            return self._of_batch(labels, num_classes, ignore_index)
        if self._filled is None:
            hint = (
                "Add custom_hooks=[dict(type='ltseg.CountClasses')] to the config, or write a table with "
                'ltseg count and give counts=PATH.'
            )
            raise WrongStateError(f'counts={self.mode!r}', 'class counts before the first batch', 'none', hint)
        if self._filled.num_classes != num_classes:
            hint = 'Give as many numbers, or a table that ltseg count writes for the training data of this head.'
            raise InvalidValueError(
                'counts', f'{num_classes} classes, as the logits', repr(self._filled.num_classes), hint
            )
        if self._placed is None or self._placed.samples.device != labels.device:
            refuse_capture('class counts', 'before they are on the device', RUN_BEFORE)
            self._placed = self._filled.to(labels.device)
        return self._placed

    def _of_batch(self, labels: Tensor, num_classes: int, ignore_index: int) -> ClassCounts:
        return ClassCounts(*self._counted(labels, num_classes, ignore_index))

    def _counted(self, labels: Tensor, num_classes: int, ignore_index: int) -> Tensor:
        """Counts of the batch of all processes, (3, K)."""
        counted = count_labels(labels if self._unmixed is None else self._unmixed, num_classes, ignore_index)
        return all_reduced_sum(counted) if self.sync and world_size() > 1 else counted

    def extra_repr(self) -> str:
        return f'mode={self.mode!r}, sync={self.sync}'


class RunningCounts(RunningState, ClassCountsSource):
    """Counts over the batches seen so far, which advance as a :class:`ltseg.counts.running_state.RunningState` does.

    'accumulated' adds up all labels, the current batch included (Seesaw's N). 'ema' is the moving average
    ``n <- momentum * n + (1 - momentum) * n_batch`` that starts at the first batch.

    Example:
        >>> import torch
        >>> from ltseg.counts.sources import RunningCounts
        >>> source = RunningCounts('ema', momentum=0.75)
        >>> first, second = (source(torch.full((4,), label), num_classes=2) for label in (0, 1))
        >>> first.samples.tolist(), second.samples.tolist()  # 0.75 * 4 + 0.25 * 0, 0.75 * 0 + 0.25 * 4
        ([4.0, 0.0], [3.0, 1.0])
    """

    def __init__(self, mode: str, sync: bool = True, momentum: float = 0.99) -> None:
        super().__init__(mode, sync)
        check_range('counts momentum', momentum, 0, 1)
        self.momentum, self.what = momentum, f'counts={mode!r}'
        self._state = self.empty(rows=3)

    def _of_batch(self, labels: Tensor, num_classes: int, ignore_index: int) -> ClassCounts:
        batch = self._counted(labels, num_classes, ignore_index).to(self.place(labels.device), torch.float64)
        state = self.held(num_classes, labels.device)
        if state is None:
            state = batch
        elif self.mode == 'accumulated':
            state = state + batch
        elif self.advances:
            state = torch.lerp(batch, state, self.momentum)
        if self.advances:
            self.keep(state)
        return ClassCounts(*state).to(labels.device)


def build_counts(
    counts: CountsOption, sync: bool = True, momentum: float = 0.99, unit: Unit = 'samples'
) -> ClassCountsSource:
    """A source from the option ``counts`` of a loss.

    Args:
        counts: 'batch', 'dataset', 'sampled', 'ema', 'accumulated', the path of a table made by ltseg count (it
            ends in ``.json``), or the counts of the classes themselves.
        sync: Whether counts of batches cover all processes.
        momentum: Of 'ema'.
        unit: As for :class:`ClassCountsSource`.

    Raises:
        ValueError: If the option is none of these.
        FileNotFoundError: If the table does not exist.
    """
    if isinstance(counts, PathLike) or (isinstance(counts, str) and counts.endswith('.json')):
        from ltseg.counts.table import CountsTable

        source = ClassCountsSource('fixed', sync, unit)
        source.fill(CountsTable.load(counts))
        return source
    if isinstance(counts, str):
        check_choice('counts', counts, (*MODES, 'PATH.json'))
        running = counts in ('ema', 'accumulated')
        return RunningCounts(counts, sync, momentum) if running else ClassCountsSource(counts, sync, unit)
    source = ClassCountsSource('fixed', sync, unit)
    source.fill(ClassCounts.from_list(counts))
    return source
