"""Whether normalisation layers can work with what is left for the last batch of an epoch."""

from typing import Any

from mmengine.dataset import InfiniteSampler
from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.data import BatchSampler
from torch.utils.hooks import RemovableHandle

from ltseg.core.errors import InvalidValueError

__all__ = ['CheckLastBatch']


class CheckLastBatch(Hook):
    """Stops in the first iteration, and not at the end of an epoch, where the last batch would be of one image.

    Batch normalisation over single values, behind global pooling, cannot be trained with one image.

    Example:
        >>> from types import SimpleNamespace
        >>> import torch
        >>> from torch.utils.data import DataLoader
        >>> from ltseg.hooks.last_batch import CheckLastBatch
        >>> model = torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(1), torch.nn.BatchNorm2d(3))
        >>> runner = SimpleNamespace(model=model, train_dataloader=DataLoader(range(9), batch_size=4))  # 4 + 4 + 1
        >>> CheckLastBatch().before_train(runner)
        >>> try:
        ...     model(torch.zeros(4, 3, 8, 8))  # the first batch
        ... except ValueError as error:
        ...     print(error.hint)
        Set train_dataloader.drop_last=True, or another train_dataloader.batch_size.
    """

    priority = 'HIGHEST'  # before the data loader is replaced by one that resumes exactly

    def __init__(self) -> None:
        self._handles: list[RemovableHandle] = []

    def before_train(self, runner: Runner) -> None:
        """Watches the first iteration where an epoch leaves one image."""
        batches = getattr(runner.train_dataloader, 'batch_sampler', None)
        if type(batches) is not BatchSampler or batches.drop_last or isinstance(batches.sampler, InfiniteSampler):
            return
        images, size = len(batches.sampler), batches.batch_size  # type: ignore[arg-type]
        if size == 1 or images % size != 1:
            return

        def check(module: nn.Module, arguments: tuple[Tensor, ...]) -> None:
            number, channels, *_ = arguments[0].shape
            if module.training and arguments[0].numel() == number * channels:
                expected = f'no single image left of {images} by batches of {size}, because of batch normalisation'
                hint = 'Set train_dataloader.drop_last=True, or another train_dataloader.batch_size.'
                raise InvalidValueError('train_dataloader', expected, 'one', hint)

        layers = [layer for layer in runner.model.modules() if isinstance(layer, _BatchNorm)]
        self._handles = [layer.register_forward_pre_hook(check) for layer in layers]

    def after_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
        """Watches no further."""
        while self._handles:
            self._handles.pop().remove()
