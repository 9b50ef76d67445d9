"""Contexts of earlier images."""

from collections.abc import Sequence

import torch
from torch import Tensor

from ltseg.core.collectives import gathered_rows
from ltseg.core.transfers import sent
from ltseg.regularizers.key_queue import KeyQueue

__all__ = ['ContextBank']


class ContextBank(KeyQueue):
    """The last V images of all processes whose context was taken, with masks of it.

    It is the same in every process, and saved with the model: V (C + 1) H W numbers.

    Args:
        size: V.
        image_shape: C, H and W.

    Example:
        >>> import torch
        >>> from ltseg.models.context_bank import ContextBank
        >>> bank = ContextBank(size=3, image_shape=(1, 1, 1))
        >>> for value in (1.0, 2.0):
        ...     bank.collect(torch.full((2, 1, 1, 1), value), torch.ones(2, 1, 1, 1), torch.tensor([4, 5]))
        >>> images, masks = bank.drawn(3)
        >>> sorted(images.flatten().tolist())  # the oldest has left
        [1.0, 2.0, 2.0]
    """

    def __init__(self, size: int, image_shape: Sequence[int]) -> None:
        channels, height, width = image_shape
        super().__init__(size, (channels + 1) * height * width)
        self.image_shape = (channels, height, width)

    def collect(self, images: Tensor, masks: Tensor, labels: Tensor) -> None:
        """Takes in images (N, C, H, W), masks (N, 1, H, W) and labels (N,), -1 for images to leave out."""
        rows = torch.cat([images, masks.to(images.dtype)], 1).flatten(1)
        self.observe(gathered_rows(rows), gathered_rows(labels))
        self.step()

    def drawn(self, number: int) -> tuple[Tensor, Tensor]:
        """``number`` images (N, C, H, W) and masks (N, 1, H, W) at random, none twice before all have come.

        The mask of a place that is still empty is 0.
        """
        size = len(self.labels)
        order = torch.randperm(size)[torch.arange(number) % size]
        channels, height, width = self.image_shape
        rows = self.keys[sent(order, self.keys.device)].unflatten(1, (channels + 1, height, width))
        images, masks = rows.split([channels, 1], 1)
        return images, masks
