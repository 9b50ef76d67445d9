"""What every loss on logits shares: its signature, its checks, its counts and its reduction."""

from abc import abstractmethod
from typing import Any

import torch
from torch import Tensor, nn

from ltseg.core.checks import check_choice, check_range
from ltseg.core.errors import InvalidValueError
from ltseg.core.graph_capture import is_capturing
from ltseg.core.layout import at_least_float32
from ltseg.core.reduction import Average, Reduction, reduce_losses, with_the_sum_of
from ltseg.core.right_samples import outcomes
from ltseg.core.sample_losses import SampleLosses
from ltseg.core.torch_versions import is_compiling
from ltseg.counts.class_counts import ClassCounts, Unit
from ltseg.counts.label_counts import explaining_label_errors
from ltseg.counts.running_recall import RunningRecall
from ltseg.counts.sources import CountsOption, build_counts
from ltseg.schedules import Schedule

__all__ = ['TWO_CLASSES', 'LogitsLoss', 'check_labels']

TWO_CLASSES = 'For two classes, set out_channels=2 in the head.'
CHECK_INTERVAL = 50  # forward calls between two looks at values on an accelerator, which make it wait


class LogitsLoss(nn.Module):
    """A loss of logits and labels that serves the decode heads and pixel samplers of mmseg and the heads of mmpretrain.

    Args:
        counts: Where class counts come from: 'batch', 'dataset', 'sampled', 'ema', 'accumulated', the path of a table
            (.json), or a list with one number for each class.
        sync: Whether batch counts and the normaliser cover all processes. Without it each process averages over its
            own samples, as most released code does.
        average: 'weight' divides by the summed class weights of the samples, 'count' by their number. The two agree
            where there are no class weights.
        reduction: 'mean', 'sum' or 'none'.
        loss_weight: Factor of the result.
        loss_name: Name in the log; mmengine optimises what has "loss" in its name.
        momentum: Of ``counts='ema'``, and of the recall that some rules follow.
        schedule: Arguments of a :class:`ltseg.schedules.Schedule`, a further factor of the result over training.
        ignore_index: Label to leave out where the caller names none, as heads of DDRNet and PIDNet do.

    Example:
        >>> import torch
        >>> from torch.nn.functional import cross_entropy
        >>> from ltseg.losses.logits_loss import LogitsLoss
        >>> class AbsoluteErrorLoss(LogitsLoss):
        ...     def prepare(self, logits, labels, ignore_index):
        ...         def losses(logits, labels):  # 1 - p_y, and 0 where ignored
        ...             entropy = cross_entropy(logits, labels, reduction='none', ignore_index=ignore_index)
        ...             return 1 - entropy.neg().exp(), None
        ...         return losses
        >>> loss, labels = AbsoluteErrorLoss(counts='batch', ignore_index=255), torch.tensor([0, 3, 255])
        >>> loss(torch.zeros(3, 4), labels).item()  # 1 - 1/4, for two valid samples
        0.75
    """

    def __init__(
        self,
        *,
        counts: CountsOption = 'dataset',
        sync: bool = True,
        average: Average = 'count',
        reduction: Reduction = 'mean',
        loss_weight: float = 1.0,
        loss_name: str = 'loss',
        momentum: float = 0.99,
        schedule: dict | None = None,
        ignore_index: int = -100,
    ) -> None:
        super().__init__()
        name = type(self).__name__
        check_choice(f'{name}.average', average, ('weight', 'count'))
        check_choice(f'{name}.reduction', reduction, ('mean', 'sum', 'none'))
        check_range(f'{name}.loss_weight', loss_weight, 0)
        self.counts = build_counts(counts, sync, momentum, self.unit)
        self.sync, self.average, self.reduction = sync, average, reduction
        self.loss_weight, self.loss_name, self.ignore_index = loss_weight, loss_name, ignore_index
        self.momentum = momentum
        self.schedule = None if schedule is None else Schedule(**schedule)
        self.recall: RunningRecall | None = None  # of a loss whose rules follow it
        self._calls = 0

    #: Whether the loss of a sample depends on that sample and on what :meth:`prepare` has seen alone.
    of_single_samples = True
    #: What its samples are in the counts of a data set.
    unit: Unit = 'samples'

    @abstractmethod
    def prepare(self, logits: Tensor, labels: Tensor, ignore_index: int) -> SampleLosses:
        """The loss as a function of any part of a batch, under the class counts of all of it.

        This is all that a loss has to define. The plain path calls the function with the whole batch, and the fused
        path with one band of upsampled logits after the other; it is called once per batch.

        Args:
            logits: (N, K, *), float32 or float64, of any resolution: they may be smaller than the labels.
            labels: (N, *) int64, or probabilities (N, K, *).
            ignore_index: Label of samples whose loss and class weight are 0.

        Returns:
            A function of logits (n, K, *) and labels (n, *) or (n, K, *), which gives the loss of each sample (n, *),
            and the class weight of each sample (n, *) or None for 1. An object that knows its gradient, too
            (:class:`ltseg.core.sample_losses.DifferentiatedLosses`), makes the fused path faster.
        """

    def forward(
        self,
        logits: Tensor,
        labels: Tensor,
        weight: Tensor | None = None,
        avg_factor: float | Tensor | None = None,
        ignore_index: int | None = None,
        reduction_override: Reduction | None = None,
    ) -> Tensor:
        """The loss of a batch, computed in float32 or better also under autocast.

        Args:
            logits: (N, K, *).
            labels: Class indices (N, *), or probabilities of the shape of ``logits``.
            weight: Factor of each sample's loss, broadcast to (N, *); it is not part of the normaliser.
            avg_factor: Replaces the number of valid samples under ``average='count'``.
            ignore_index: Label that is left out of the loss, its normaliser and the counts; None is that of the loss.
            reduction_override: Replaces ``reduction`` for this call.

        Returns:
            A scalar, or (N, *) for 'none'.

        Raises:
            ValueError: If the shapes or types do not fit, or a label lies outside the classes.
        """
        check_labels(type(self).__name__, logits, labels)
        reduction = self.reduction if reduction_override is None else reduction_override
        check_choice('reduction_override', reduction, ('mean', 'sum', 'none'))
        ignore_index = self.ignore_index if ignore_index is None else ignore_index
        logits = at_least_float32(logits)
        labels = labels if labels.is_floating_point() else labels.long()
        with (
            torch.autocast(logits.device.type, enabled=False),
            explaining_label_errors(labels, logits.shape[1], ignore_index),
        ):
            reduced = self.reduced(logits, labels, weight, avg_factor, ignore_index, reduction)
            if self.advancing_recall is not None:
                self.advancing_recall.observe(self.outcomes(logits.detach(), labels, ignore_index))
        return reduced * self.factor()

    def reduced(
        self,
        logits: Tensor,
        labels: Tensor,
        weight: Tensor | None,
        avg_factor: float | Tensor | None,
        ignore_index: int,
        reduction: Reduction,
    ) -> Tensor:
        """The loss before its factor; a loss that is no mean over samples overrides it, and needs no ``prepare``."""
        sample_losses = self.prepare(logits, labels, ignore_index)
        losses, class_weights = sample_losses(logits, labels)
        kept = self.kept_losses(sample_losses)
        if kept is not None:
            with torch.no_grad():
                of_samples, _ = kept(logits, labels)
            losses = with_the_sum_of(of_samples, losses, weight, self.sync)
        soft = labels.is_floating_point()
        valid = torch.full((), losses.numel(), device=losses.device) if soft else (labels != ignore_index).sum()
        return reduce_losses(losses, valid, class_weights, weight, self.average, avg_factor, reduction, self.sync)

    def outcomes(self, logits: Tensor, labels: Tensor, ignore_index: int) -> Tensor:
        """Right and missed samples of each class that has counts, (2, K), as the recall takes them in."""
        return outcomes(logits, labels, ignore_index)

    def kept_losses(self, sample_losses: SampleLosses) -> SampleLosses | None:
        """Losses whose sum the prepared ones are to have, by one factor without gradient; None is for no factor."""
        return None

    @property
    def advancing_recall(self) -> RunningRecall | None:
        """The recall that is to take in this batch, once its loss was computed."""
        return self.recall if self.recall is not None and self.recall.advances else None

    @property
    def can_be_fused(self) -> bool:
        """Whether :func:`ltseg.losses.fused.fused_losses` may compute this loss."""
        return self.of_single_samples and self.reduction != 'none'

    def factor(self) -> Any:
        """``loss_weight``, times that of the schedule at this point of training; in compiled code this is a scalar."""
        return self.loss_weight * (1.0 if self.schedule is None else self.schedule.current())

    def count(self, logits: Tensor, labels: Tensor, ignore_index: int) -> ClassCounts:
        """The class counts for this batch."""
        return self.counts(labels, logits.shape[1], ignore_index)

    def may_synchronize(self, logits: Tensor) -> bool:
        """Whether this call may look at values: always on the CPU, now and then where looking makes a device wait."""
        # A compiled function would be made anew for every count of calls; in a CUDA graph nothing can be looked at.
        if is_compiling() or is_capturing():
            return False
        self._calls += 1
        return logits.device.type == 'cpu' or self._calls % CHECK_INTERVAL == 1

    def extra_repr(self) -> str:
        return f'average={self.average!r}, reduction={self.reduction!r}, loss_weight={self.loss_weight}'


def check_labels(where: str, logits: Tensor, labels: Tensor) -> None:
    """Raises ValueError unless ``labels`` are class indices or probabilities for ``logits`` (N, K, *)."""
    if logits.ndim < 2 or logits.shape[1] < 2:
        raise InvalidValueError(where, 'logits (N, K, *) of at least 2 classes', repr(tuple(logits.shape)), TWO_CLASSES)
    expected = logits.shape if labels.is_floating_point() else (logits.shape[0], *logits.shape[2:])
    if labels.shape != expected:
        kind = 'probabilities' if labels.is_floating_point() else 'class indices'
        hint = 'Upsample the logits to the labels, or resize the labels.' if logits.ndim > 2 else ''
        raise InvalidValueError(where, f'{kind} of shape {tuple(expected)}', repr(tuple(labels.shape)), hint)
