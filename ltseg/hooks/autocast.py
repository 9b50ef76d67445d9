"""Training in bfloat16 on any device."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from mmengine.optim import OptimWrapper
from torch import nn

from ltseg.registry import OPTIM_WRAPPERS

__all__ = ['AutocastOptimWrapper']


@OPTIM_WRAPPERS.register_module()
class AutocastOptimWrapper(OptimWrapper):
    """Runs the forward pass under autocast to bfloat16, whose range needs no scaling of the loss.

    mmengine's ``AmpOptimWrapper`` refuses CPUs, of which those with bfloat16 instructions train up to twice as fast
    with this. Weights, their updates, and the losses of this package stay in float32.

    Args:
        channels_last: Whether convolutions keep their weights, and so their feature maps, with channels as the last
            dimension in memory, as their kernels on CPUs and on tensor cores want them. Shapes stay (N, C, H, W).
            DistributedDataParallel has made its buckets before and says once that strides differ; results are the same.
        kwargs: Arguments of ``OptimWrapper``.

    Example:
        >>> import torch
        >>> from ltseg.hooks import AutocastOptimWrapper
        >>> model = torch.nn.Conv2d(3, 2, 1)
        >>> wrapper = AutocastOptimWrapper(torch.optim.SGD(model.parameters(), lr=0.1))
        >>> with wrapper.optim_context(model):
        ...     outputs = model(torch.zeros(1, 3, 4, 4))
        >>> outputs.dtype, model.weight.dtype
        (torch.bfloat16, torch.float32)
    """

    def __init__(self, *args: Any, channels_last: bool = True, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.channels_last, self._arranged = channels_last, False

    @contextmanager
    def optim_context(self, model: nn.Module) -> Iterator[None]:
        """As mmengine's, in which the model sees the batch."""
        if self.channels_last and not self._arranged:  # once: what is loaded later is copied into the same memory
            self._arranged = True
            model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        device = next(model.parameters()).device.type
        with super().optim_context(model), torch.autocast(device, torch.bfloat16):
            yield
