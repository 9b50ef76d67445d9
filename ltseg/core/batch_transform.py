"""What all transforms of whole batches are: numbers drawn on the CPU, and operations on the device of the images.

What is drawn goes to the device in one copy for all transforms and views of a batch, which the CPU does not wait for.
Drawn on the CPU, it tells which images an operation concerns without waiting for the device.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ltseg.core.transfers import sent

__all__ = ['BatchSequence', 'BatchTransform', 'Drawn', 'Operation', 'drawn_groups', 'operated', 'sent_together']

Operation = Callable[[Tensor, Tensor], Tensor]
"""Images (n, C, H, W) and an amount for each, (n,) -> images of the same shape."""


class Drawn(NamedTuple):
    """What is drawn for N images.

    Args:
        numbers: Parameters of each image, (P, N) float32.
        plan: What the CPU needs to know, such as how many images an operation concerns.

    Example:
        >>> import torch
        >>> from ltseg.core.batch_transform import Drawn
        >>> Drawn(torch.rand(2, 5)).numbers.shape  # two numbers for each of five images
        torch.Size([2, 5])
    """

    numbers: Tensor
    plan: Any = None


class BatchTransform(ABC):
    """Changes a batch of images as one tensor, with parameters drawn for each image; :meth:`apply` draws nothing.

    Example:
        >>> import torch
        >>> from ltseg.core.batch_transform import BatchTransform, Drawn
        >>> class Brighter(BatchTransform):
        ...     def draw(self, shape):
        ...         return Drawn(torch.rand(1, shape[0]))
        ...     def apply(self, images, drawn):
        ...         return images + drawn.numbers[0, :, None, None, None]
        >>> brighter = Brighter()(torch.zeros(50, 3, 2, 2))
        >>> len(brighter.unique()), brighter.max().item() <= 1  # one number for each image
        (50, True)
    """

    @abstractmethod
    def draw(self, shape: torch.Size) -> Drawn:
        """Draws, on the CPU, for images (N, C, H, W)."""

    @abstractmethod
    def apply(self, images: Tensor, drawn: Drawn) -> Tensor:
        """The changed images, of the same shape, for what was drawn, with the numbers on their device."""

    def __call__(self, images: Tensor) -> Tensor:
        (drawn,) = sent_together([self.draw(images.shape)], images.device)
        return self.apply(images, drawn)


class BatchSequence(BatchTransform):
    """Transforms one after the other. Those that are other functions of a batch of images draw as they come to it.

    Example:
        >>> import torch
        >>> from ltseg.core.batch_transform import BatchSequence
        >>> from ltseg.datasets import BatchRandomFlip
        >>> both = BatchSequence([BatchRandomFlip(prob=1.0), lambda images: images + 1])
        >>> both(torch.arange(3).view(1, 1, 1, 3)).flatten().tolist()
        [3, 2, 1]
    """

    def __init__(self, steps: Sequence[Callable[[Tensor], Tensor]]) -> None:
        self.steps = list(steps)

    def draw(self, shape: torch.Size) -> Drawn:
        nothing = Drawn(torch.zeros(0, shape[0]))
        drawn = [step.draw(shape) if isinstance(step, BatchTransform) else nothing for step in self.steps]
        numbers = torch.cat([nothing.numbers, *(each.numbers for each in drawn)])
        return Drawn(numbers, [(len(each.numbers), each.plan) for each in drawn])

    def apply(self, images: Tensor, drawn: Drawn) -> Tensor:
        begin = 0
        for step, (size, plan) in zip(self.steps, drawn.plan, strict=True):
            part, begin = drawn.numbers[begin : begin + size], begin + size
            images = step.apply(images, Drawn(part, plan)) if isinstance(step, BatchTransform) else step(images)
        return images


def sent_together(drawn: Sequence[Drawn], device: torch.device) -> list[Drawn]:
    """The same with all numbers on ``device``, by one copy."""
    numbers = sent(torch.cat([each.numbers for each in drawn]), device)
    parts = numbers.split([len(each.numbers) for each in drawn])
    return [each._replace(numbers=part) for each, part in zip(drawn, parts, strict=True)]


def drawn_groups(chosen: Tensor, amounts: Tensor, number: int) -> Drawn:
    """What :func:`operated` needs.

    Args:
        chosen: The operation of each image, (N,) int64 in [0, number).
        amounts: Its amount for each image, (N,).
        number: Of operations.
    """
    order = chosen.argsort(stable=True)
    sizes = torch.bincount(chosen, minlength=number).tolist()
    return Drawn(torch.stack([order.float(), order.argsort().float(), amounts[order]]), sizes)


def operated(images: Tensor, drawn: Drawn, operations: Sequence[Operation]) -> Tensor:
    """Applies to each image (N, C, H, W) its own operation, to all images of one at once."""
    order, back = drawn.numbers[:2].long()
    groups = zip(operations, images[order].split(drawn.plan), drawn.numbers[2].split(drawn.plan), strict=True)
    return torch.cat([operation(part, amounts) for operation, part, amounts in groups if len(part)])[back]
