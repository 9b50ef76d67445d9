"""The same running statistics of normalisation layers in all processes, and in the checkpoint."""

from collections.abc import Iterator
from typing import Any

from mmengine.dist import all_reduce, get_world_size
from mmengine.hooks import CheckpointHook, Hook
from mmengine.runner import BaseLoop, Runner
from torch import Tensor, nn

__all__ = ['SyncRunningStatistics', 'running_statistics']


class SyncRunningStatistics(Hook):
    """Averages running means and variances over the processes before a checkpoint is written and before validation.

    Plain batch normalisation follows the batches of its own process. Each process would validate its share of the
    images with its own statistics, and the checkpoint holds those of the first one: its results could not be had
    again. mmengine's ``SyncBuffersHook`` does not serve: it is no default hook, and where training counts iterations
    it comes before validation, which is behind the checkpoint. The model of an EMAHook is treated alike.

    Example:
        >>> from mmengine.hooks import CheckpointHook, EMAHook
        >>> from mmengine.runner import get_priority
        >>> from ltseg.hooks.sync_statistics import SyncRunningStatistics
        >>> [get_priority(hook.priority) for hook in (EMAHook, SyncRunningStatistics, CheckpointHook)]  # in this order
        [50, 60, 90]
    """

    priority = 'BELOW_NORMAL'  # behind EMAHook, ahead of CheckpointHook

    def after_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
        """Averages where a checkpoint is written behind this iteration."""
        savers = [hook for hook in runner.hooks if isinstance(hook, CheckpointHook) and not hook.by_epoch]
        due = any(self.every_n_train_iters(runner, hook.interval, hook.save_begin) for hook in savers)
        if due or (savers and self.is_last_train_iter(runner)):
            self._average(runner)

    def after_train_epoch(self, runner: Runner) -> None:
        """Averages before the checkpoint of the epoch."""
        self._average(runner)

    def before_val(self, runner: Runner) -> None:
        """Averages before the weights of EMAHook are put in."""
        if isinstance(runner._train_loop, BaseLoop):
            self._average(runner)

    def _average(self, runner: Runner) -> None:
        if get_world_size() == 1:
            return
        others = (getattr(hook, 'ema_model', None) for hook in runner.hooks)
        for model in (runner.model, *(other for other in others if isinstance(other, nn.Module))):
            for value in running_statistics(model):
                all_reduce(value, op='mean')


def running_statistics(model: nn.Module) -> Iterator[Tensor]:
    """The buffers of normalisation layers that follow the batches, by the name that all of them give."""
    for name, buffer in model.named_buffers():
        if name.rpartition('.')[2].startswith('running_') and buffer.is_floating_point():
            yield buffer
