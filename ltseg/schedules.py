"""Weights that change during training, and how far training has come."""

import warnings
from dataclasses import dataclass
from typing import Any, Literal, get_args

import torch
from mmengine.logging import MessageHub
from torch import Tensor

from ltseg.core.checks import check_choice, check_positive, check_range
from ltseg.core.errors import InvalidValueError, describe
from ltseg.core.graph_capture import refuse_capture
from ltseg.core.torch_versions import is_compiling, opaque

__all__ = ['Progress', 'Schedule', 'epochs_done', 'training_progress']

Shape = Literal['constant', 'linear', 'parabolic', 'cumulative']
Unit = Literal['fraction', 'epoch', 'iter']


@dataclass(frozen=True)
class Progress:
    """How far training has come, counted from 0.

    Args:
        iter: Iterations that are done.
        max_iters: Iterations in all.
        epoch: Epochs that are done.
        max_epochs: Epochs in all; training that counts iterations only is one epoch.

    Example:
        >>> from ltseg.schedules import Progress, Schedule
        >>> now = Progress(iter=30, max_iters=40, epoch=3, max_epochs=4)
        >>> [Schedule('linear', unit=unit).factor(now) for unit in ('fraction', 'epoch', 'iter')]
        [0.25, 0.25, 0.25]
    """

    iter: int = 0
    max_iters: int = 1
    epoch: int = 0
    max_epochs: int = 1


def training_progress() -> Progress:
    """The progress of the Runner that trains in this process.

    mmengine's Runner writes it down before every iteration, after a resume too. Without a Runner it is the start; of
    several Runners in a process it is the one that was made last.

    Raises:
        RuntimeError: In the capture of a CUDA graph, where training would not go on.
    """
    hint = 'Set schedule=None, or capture the model and compute its losses outside of the graph.'
    refuse_capture('what follows the progress of training', 'in which it would stay as it is', hint)
    hub = MessageHub.get_current_instance()
    known = {name: hub.get_info(name) for name in ('iter', 'max_iters', 'epoch', 'max_epochs')}
    return Progress(**{name: int(value) for name, value in known.items() if value is not None})


@dataclass(frozen=True)
class Schedule:
    """A factor in [0, 1] over training, with x = (t - start) / (T - start) from ``start`` to the end T::

        constant    1
        linear      1 - x
        parabolic   (1 - x)^2                                (Logit Weight Repulsion)
        cumulative  1 - x^power, with t + 1 in place of t    (AllNC's GBBN, eta; BBN)

    and 0 before ``start``.

    Args:
        shape: One of the above.
        start: Where the factor begins, in ``unit``.
        unit: 'fraction' of training in steps of iterations, 'epoch' or 'iter'; t and T are counted in it.
        power: Of the shape 'cumulative'. It reaches 0 in the last step.
        complement: Whether the factor is 1 minus the above from ``start`` on.

    Example:
        >>> from ltseg.schedules import Progress, Schedule
        >>> schedule = Schedule('linear', start=0.5)
        >>> [schedule.factor(Progress(iter=done, max_iters=100)) for done in (0, 49, 50, 75, 100)]
        [0.0, 0.0, 1.0, 0.5, 0.0]
    """

    shape: Shape = 'constant'
    start: float = 0.0
    unit: Unit = 'fraction'
    power: float = 2.0
    complement: bool = False

    def __post_init__(self) -> None:
        check_choice('Schedule.shape', self.shape, get_args(Shape))
        check_choice('Schedule.unit', self.unit, get_args(Unit))
        check_range('Schedule.start', self.start, 0)
        if self.unit == 'fraction' and self.start >= 1:
            hint = "Name the unit: 'epoch' or 'iter'."
            raise InvalidValueError('Schedule.start', "less than 1 with unit='fraction'", repr(self.start), hint)
        check_positive('Schedule.power', self.power)

    def current(self) -> Any:
        """The factor at this point of training: a number, or in compiled code a scalar that is looked up each time."""
        if not is_compiling():
            return self.factor(training_progress())
        return _opaque_factor(self.shape, float(self.start), self.unit, float(self.power), self.complement)

    def factor(self, progress: Progress) -> float:
        """The factor at a point of training; a warning says so if training ends before ``start``."""
        by_epoch = self.unit == 'epoch'
        now, end = (progress.epoch, progress.max_epochs) if by_epoch else (progress.iter, progress.max_iters)
        start = self.start * end if self.unit == 'fraction' else self.start
        if start >= end and progress.max_iters > 1:  # without a Runner there is no end to compare with
            hint = "Training in iterations is one epoch: set unit='iter' or 'fraction'." if end == 1 else ''
            expected = f'less than the {end} of training in {self.unit}s'
            warnings.warn(describe('Schedule.start', expected, repr(start), hint), stacklevel=2)
        if now < start:
            return 0.0
        steps = max(end - start, 1e-12)
        done = min((now - start) / steps, 1.0)
        value = {
            'constant': 1.0,
            'linear': 1 - done,
            'parabolic': (1 - done) ** 2,
            'cumulative': 1 - min((now + 1 - start) / steps, 1.0) ** self.power,
        }[self.shape]
        return 1 - value if self.complement else value


def epochs_done() -> Any:
    """Epochs that are done: a number, or in compiled code a scalar that is looked up each time."""
    return _opaque_epochs() if is_compiling() else training_progress().epoch


def _factor(shape: str, start: float, unit: str, power: float, complement: bool) -> Tensor:
    schedule = Schedule(shape, start, unit, power, complement)  # type: ignore[arg-type]
    return torch.tensor(schedule.factor(training_progress()))


def _epochs() -> Tensor:
    return torch.tensor(training_progress().epoch)


_opaque_factor = opaque('schedule_factor', _factor, lambda *_: torch.empty(()))
_opaque_epochs = opaque('epochs_done', _epochs, lambda: torch.empty((), dtype=torch.int64))
