"""Stops a training whose loss is no number any more, before its checkpoints are overwritten."""

import logging
from typing import Any

import torch
from mmengine.dist import all_reduce
from mmengine.hooks import CheckpointHook, Hook
from mmengine.logging import print_log
from mmengine.optim import OptimWrapper
from mmengine.runner import Runner
from torch import Tensor

from ltseg.registry import HOOKS, OPTIM_WRAPPERS

__all__ = ['SkippingOptimWrapper', 'StopOnNaN']


@HOOKS.register_module()
class StopOnNaN(Hook):
    """Stops when a loss is nan or infinite, and says which, when, and where the last checkpoint from before is.

    Looking at a value makes a GPU wait, so there it looks every ``interval`` iterations, and before each validation
    and each checkpoint, so that none is written, nor an old one deleted, after a loss that was no number. On the CPU
    it looks at every iteration.

    To leave out single bad batches instead, set ``optim_wrapper.type='ltseg.SkippingOptimWrapper'``.

    Args:
        interval: Iterations between two looks on a GPU.
    """

    priority = 'NORMAL'  # ahead of CheckpointHook

    def __init__(self, interval: int = 50) -> None:
        self.interval = interval
        self._last: dict[str, Any] = {}
        self._iteration = 0

    def after_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
        """Looks at the losses of the iteration, where it is time to.

        Raises:
            FloatingPointError: If one is not finite.
        """
        self._last = {name: value for name, value in (outputs or {}).items() if 'loss' in name}
        self._iteration = runner.iter + 1
        on_cpu = all(not isinstance(value, Tensor) or value.device.type == 'cpu' for value in self._last.values())
        if on_cpu or self.every_n_train_iters(runner, self.interval) or self._is_saved_now(runner):
            self._look(runner)

    def before_val(self, runner: Runner) -> None:
        """Looks before the best checkpoint may be replaced."""
        self._look(runner)

    def after_train_epoch(self, runner: Runner) -> None:
        """Looks before the checkpoint of the epoch."""
        self._look(runner)

    def _is_saved_now(self, runner: Runner) -> bool:
        intervals = [hook.interval for hook in runner.hooks if isinstance(hook, CheckpointHook) and not hook.by_epoch]
        due = (self.every_n_train_iters(runner, interval) for interval in intervals)
        return self.is_last_train_iter(runner) or any(due)

    def _look(self, runner: Runner) -> None:
        bad = [name for name, value in self._last.items() if not torch.isfinite(torch.as_tensor(value)).all()]
        self._last = {}
        if not bad or isinstance(runner.optim_wrapper, SkippingOptimWrapper):
            return
        parts = [name for name in bad if name != 'loss'] or bad
        last = runner.message_hub.runtime_info.get('last_ckpt')
        saved = f'The last checkpoint, from before, is {last}.' if last else 'No checkpoint had been written.'
        raise FloatingPointError(
            f'StopOnNaN: {", ".join(parts)} is not finite at iteration {self._iteration}. {saved} Lower the learning '
            "rate, clip gradients, look for bad labels, or set optim_wrapper.type='ltseg.SkippingOptimWrapper' to "
            'leave such batches out.'
        )


@OPTIM_WRAPPERS.register_module()
class SkippingOptimWrapper(OptimWrapper):
    """Leaves out the update of a batch whose loss is not finite, on all processes together, and says so.

    It looks at every loss, for which a GPU has to wait. Running statistics of normalisation layers have seen the batch
    all the same. With accumulated gradients, those of the batches before it are left out too.
    """

    def update_params(self, loss: Tensor, step_kwargs: dict | None = None, zero_kwargs: dict | None = None) -> None:
        """As the host's, unless ``loss`` is not finite on any process."""
        bad = (~torch.isfinite(loss.detach())).any().float()
        all_reduce(bad)
        if not bad.item():
            super().update_params(loss, step_kwargs, zero_kwargs)
            return
        self._inner_count += 1
        self.zero_grad(**(zero_kwargs or {}))
        text = f'SkippingOptimWrapper: the loss of batch {self._inner_count} is not finite; its update is left out.'
        print_log(text, logger='current', level=logging.WARNING)
