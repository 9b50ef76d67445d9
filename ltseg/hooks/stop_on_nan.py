"""Stops a training run whose loss is no number any more, before its checkpoints are overwritten."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import MappingProxyType
from typing import Any

import torch
from mmengine.dist import all_reduce
from mmengine.hooks import CheckpointHook, Hook
from mmengine.logging import print_log
from mmengine.optim import AmpOptimWrapper, OptimWrapper
from mmengine.runner import Runner
from torch import Tensor, nn

from ltseg.core.errors import NotFiniteError
from ltseg.registry import HOOKS, OPTIM_WRAPPERS

__all__ = ['SkippingOptimWrapper', 'StopOnNaN']


@HOOKS.register_module()
class StopOnNaN(Hook):
    """Stops when a loss is nan or infinite, and says which, since when, and where the last checkpoint from before is.

    Looking at a value makes a GPU wait, so there it looks every ``interval`` iterations, and before each validation
    and each checkpoint, so that none is written, nor an old one deleted, after a loss that was no number. On the CPU
    it looks at every iteration. Before anything is saved it looks at the weights too, because a finite loss can have a
    gradient that is not.

    To leave out single bad batches instead, set ``optim_wrapper.type='ltseg.SkippingOptimWrapper'``.

    Args:
        interval: Iterations between two looks on a GPU.

    Example:
        >>> import tempfile, torch
        >>> from mmengine.model import BaseModel
        >>> from mmengine.runner import Runner
        >>> class Diverging(BaseModel):
        ...     def __init__(self):
        ...         super().__init__()
        ...         self.weight = torch.nn.Parameter(torch.tensor(1.0))
        ...     def forward(self, inputs, mode='loss'):
        ...         return {'loss': self.weight.log()}  # no number once the weight is below 0
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     runner = Runner(
        ...         Diverging(), folder, train_dataloader=dict(
        ...             dataset=[{'inputs': 0.0}] * 4, batch_size=1, num_workers=0, sampler=dict(type='DefaultSampler'),
        ...             collate_fn=dict(type='default_collate')),
        ...         train_cfg=dict(by_epoch=False, max_iters=4), optim_wrapper=dict(optimizer=dict(type='SGD', lr=2.0)),
        ...         custom_hooks=[dict(type='ltseg.StopOnNaN')], default_scope='mmengine', experiment_name=folder,
        ...         log_level='ERROR')
        ...     try:
        ...         _ = runner.train()
        ...     except FloatingPointError as error:
        ...         print(str(error).partition('.')[0])
        StopOnNaN: loss is not finite at iteration 2
    """

    priority = 'NORMAL'  # ahead of CheckpointHook

    def __init__(self, interval: int = 50) -> None:
        self.interval = interval
        self._bad_since: dict[str, Tensor] = {}  # iteration by the name of the loss, 0 for finite ones
        self._iteration = 0

    def after_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
        """Looks at the losses of the iteration, where it is time to.

        Raises:
            FloatingPointError: If one is not finite.
        """
        losses = {name: torch.as_tensor(value) for name, value in (outputs or {}).items() if 'loss' in name}
        self._iteration = runner.iter + 1
        before = self._bad_since
        self._bad_since = {name: _bad_since(loss, before.get(name), runner.iter + 1) for name, loss in losses.items()}
        if self._is_saved_now(runner):
            self._look_before_saving(runner)
        elif self.every_n_train_iters(runner, self.interval) or all(x.device.type == 'cpu' for x in losses.values()):
            self._look(runner)

    def before_val(self, runner: Runner) -> None:
        """Looks before the best checkpoint may be replaced."""
        self._look_before_saving(runner)

    def after_train_epoch(self, runner: Runner) -> None:
        """Looks before the checkpoint of the epoch."""
        self._look_before_saving(runner)

    def _is_saved_now(self, runner: Runner) -> bool:
        intervals = [hook.interval for hook in runner.hooks if isinstance(hook, CheckpointHook) and not hook.by_epoch]
        due = (self.every_n_train_iters(runner, interval) for interval in intervals)
        return self.is_last_train_iter(runner) or any(due)

    def _look(self, runner: Runner, weights: Mapping[str, Tensor] = MappingProxyType({})) -> None:
        flags = {name: (~torch.isfinite(value)).any().long() for name, value in weights.items()}
        found = _numbers([*self._bad_since.values(), *flags.values()])
        bad = {name: since for name, since in zip(self._bad_since, found, strict=False) if since > 0}
        if bad and not isinstance(runner.optim_wrapper, SkippingOptimWrapper):
            parts = [name for name in bad if name != 'loss'] or ['loss']
            _stop(runner, ', '.join(parts), min(bad[name] for name in parts))
        for name, is_bad in zip(flags, found[len(self._bad_since) :], strict=True):
            if is_bad:
                _stop(runner, f'the weight {name}', self._iteration)

    def _look_before_saving(self, runner: Runner) -> None:
        self._look(runner, dict(runner.model.named_parameters()))


def _bad_since(loss: Tensor, before: Tensor | None, iteration: int) -> Tensor:
    """The iteration since which a loss has not been finite, or 0; a GPU need not wait for it."""
    bad = ~torch.isfinite(loss).all()
    since = bad * iteration if before is None else torch.where(before > 0, before, iteration)
    return torch.where(bad, since, 0)


def _numbers(values: Sequence[Tensor]) -> list[int]:
    """Values (), of which a GPU hands over all of its own at once."""
    numbers = [0] * len(values)
    for device in {value.device for value in values}:
        places = [place for place, value in enumerate(values) if value.device == device]
        for place, number in zip(places, torch.stack([values[place] for place in places]).tolist(), strict=True):
            numbers[place] = number
    return numbers


def _stop(runner: Runner, what: str, iteration: int) -> None:
    last = runner.message_hub.runtime_info.get('last_ckpt')
    saved = f'The last checkpoint, from before, is {last}.' if last else 'No checkpoint had been written.'
    # A loss scaler leaves out single batches by itself.
    scaled = isinstance(runner.optim_wrapper, AmpOptimWrapper)
    skip = '' if scaled else ", or set optim_wrapper.type='ltseg.SkippingOptimWrapper' to leave such batches out"
    hint = f'Lower the learning rate, clip gradients, look for bad labels{skip}.'
    raise NotFiniteError(f'StopOnNaN: {what} is not finite at iteration {iteration}. {saved} {hint}')


@OPTIM_WRAPPERS.register_module()
class SkippingOptimWrapper(OptimWrapper):
    """Leaves out the update of a batch whose loss is not finite, on all processes together, and says so.

    It looks at every loss, for which a GPU has to wait, and puts back the running statistics of normalisation layers,
    of which it keeps a copy. With accumulated gradients, those of the batches before it are left out too.

    Example:
        >>> import torch
        >>> from ltseg.hooks import SkippingOptimWrapper
        >>> model = torch.nn.Linear(1, 1, bias=False)
        >>> _ = model.weight.data.fill_(1.0)
        >>> wrapper = SkippingOptimWrapper(torch.optim.SGD(model.parameters(), lr=0.5))
        >>> for inputs in (1.0, float('nan'), 1.0):
        ...     with wrapper.optim_context(model):
        ...         loss = model(torch.tensor([inputs])).sum()
        ...     wrapper.update_params(loss)
        ...     print(model.weight.item())  # the gradient is 1, and the second batch is left out
        0.5
        0.5
        0.0
    """

    _buffers: Sequence[tuple[Tensor, Tensor]] = ()  # of the model, each with its value before the batch

    @contextmanager
    def optim_context(self, model: nn.Module) -> Iterator[None]:
        """As mmengine's, in which the model sees the batch."""
        self._buffers = [(buffer, buffer.clone()) for buffer in model.buffers()]
        with super().optim_context(model):
            yield

    def update_params(self, loss: Tensor, step_kwargs: dict | None = None, zero_kwargs: dict | None = None) -> None:
        """As mmengine's, unless ``loss`` is not finite on any process."""
        bad = (~torch.isfinite(loss.detach())).any().float()
        all_reduce(bad)
        if not bad.item():
            super().update_params(loss, step_kwargs, zero_kwargs)
            return
        for buffer, value in self._buffers:
            buffer.copy_(value)
        self._inner_count += 1
        self.zero_grad(**(zero_kwargs or {}))
        text = f'SkippingOptimWrapper: the loss of batch {self._inner_count} is not finite; its update is left out.'
        print_log(text, logger='current', level=logging.WARNING)
