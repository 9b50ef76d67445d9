"""Stops a training whose loss is no number any more, before its checkpoints are overwritten."""

from typing import Any

import torch
from mmengine.dist import all_reduce
from mmengine.hooks import Hook
from mmengine.optim import OptimWrapper
from mmengine.runner import Runner
from torch import Tensor

from ltseg.registry import HOOKS, OPTIM_WRAPPERS

__all__ = ['SkippingOptimWrapper', 'StopOnNaN']


@HOOKS.register_module()
class StopOnNaN(Hook):
    """Stops when a loss is nan or infinite, and says which, when, and where the last good checkpoint is.

    Looking at a value makes a GPU wait, so there it looks every ``interval`` iterations and before each checkpoint: a
    checkpoint is never written from weights whose loss was no number. On the CPU it looks at every iteration.

    To leave out single bad batches instead, set ``optim_wrapper.type='ltseg.SkippingOptimWrapper'``.

    Args:
        interval: Iterations between two looks on a GPU.
    """

    priority = 'NORMAL'  # ahead of CheckpointHook

    def __init__(self, interval: int = 50) -> None:
        self.interval = interval
        self._last: dict[str, Tensor] = {}

    def after_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
        """Looks at the losses of the iteration."""
        self._last = {name: value for name, value in (outputs or {}).items() if 'loss' in name}
        on_cpu = all(not isinstance(value, Tensor) or value.device.type == 'cpu' for value in self._last.values())
        if on_cpu or self.every_n_train_iters(runner, self.interval):
            self._look(runner)

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Looks once more, so that no bad weights are written."""
        self._look(runner)

    def _look(self, runner: Runner) -> None:
        skipping = isinstance(runner.optim_wrapper, SkippingOptimWrapper)
        bad = [name for name, value in self._last.items() if not torch.isfinite(torch.as_tensor(value)).all()]
        self._last = {}
        if not bad or skipping:
            return
        parts = [name for name in bad if name != 'loss'] or bad
        last = runner.message_hub.get_info('last_ckpt') if 'last_ckpt' in runner.message_hub.runtime_info else None
        saved = f'The last checkpoint, from before, is {last}.' if last else 'No checkpoint had been written.'
        raise FloatingPointError(
            f'StopOnNaN: {", ".join(parts)} is not finite at iteration {runner.iter + 1}. {saved} Lower the learning '
            "rate, clip gradients, look for bad labels, or set optim_wrapper.type='ltseg.SkippingOptimWrapper' to "
            'leave such batches out.'
        )


@OPTIM_WRAPPERS.register_module()
class SkippingOptimWrapper(OptimWrapper):
    """Leaves out the update of a batch whose loss is not finite, on all processes together.

    It looks at every loss, for which a GPU has to wait. Running statistics of normalisation layers have seen the batch
    all the same.
    """

    def update_params(self, loss: Tensor, step_kwargs: dict | None = None, zero_kwargs: dict | None = None) -> None:
        """As the host's, unless ``loss`` is not finite on any process."""
        bad = (~torch.isfinite(loss.detach())).any().float()
        all_reduce(bad)
        if bad.item():
            self._inner_count += 1
            self.zero_grad(**(zero_kwargs or {}))
            return
        super().update_params(loss, step_kwargs, zero_kwargs)
