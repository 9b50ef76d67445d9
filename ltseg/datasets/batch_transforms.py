"""Augmentation of a whole batch of images as one tensor, with parameters drawn for each image."""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from ltseg.core.checks import check_range
from ltseg.registry import TRANSFORMS

__all__ = ['BatchCutout', 'BatchRandomCrop', 'BatchRandomFlip']

# Parameters are drawn on the CPU: which images an operation concerns is then known without waiting for a GPU.


@TRANSFORMS.register_module()
class BatchRandomCrop:
    """Pads each image with zeros and cuts a place at random out of it, of the old size.

    Args:
        padding: Pixels on each side.
    """

    def __init__(self, padding: int = 4) -> None:
        check_range('BatchRandomCrop.padding', padding, 1)
        self.padding = padding

    def __call__(self, images: Tensor) -> Tensor:  # (N, C, H, W) -> (N, C, H, W)
        number, _, height, width = images.shape
        top, left = torch.randint(2 * self.padding + 1, (2, number, 1))
        rows = (top + torch.arange(height)).to(images.device)[:, None, :, None]  # (N, 1, H, 1)
        columns = (left + torch.arange(width)).to(images.device)[:, None, None, :]  # (N, 1, 1, W)
        padded = F.pad(images, [self.padding] * 4)
        image = torch.arange(number, device=images.device)[:, None, None, None]
        channel = torch.arange(images.shape[1], device=images.device)[None, :, None, None]
        return padded[image, channel, rows, columns]


@TRANSFORMS.register_module()
class BatchRandomFlip:
    """Mirrors images left to right.

    Args:
        prob: Probability of each image.
    """

    def __init__(self, prob: float = 0.5) -> None:
        check_range('BatchRandomFlip.prob', prob, 0, 1)
        self.prob = prob

    def __call__(self, images: Tensor) -> Tensor:  # (N, C, H, W) -> (N, C, H, W)
        chosen = (torch.rand(len(images)) < self.prob).to(images.device)
        return torch.where(chosen[:, None, None, None], images.flip(-1), images)


@TRANSFORMS.register_module()
class BatchCutout:
    """Blanks a square at a place drawn for each image; the part of it outside of the image is lost.

    Args:
        size: Side of the square in pixels.
        value: What it is filled with, one number or one for each channel, in the range of the images (0..255).

    Source: DeVries, Taylor, Improved regularization of convolutional neural networks with cutout, 2017.
    """

    def __init__(self, size: int = 16, value: Any = 0.0) -> None:
        check_range('BatchCutout.size', size, 1)
        self.size, self.value = size, value

    def __call__(self, images: Tensor) -> Tensor:  # (N, C, H, W) -> (N, C, H, W)
        number, _, height, width = images.shape
        row, column = torch.randint(height, (number, 1)), torch.randint(width, (number, 1))
        rows, columns = self._inside(row, height), self._inside(column, width)  # (N, H), (N, W)
        hole = (rows[:, None, :, None] & columns[:, None, None, :]).to(images.device)
        value = torch.as_tensor(self.value, dtype=images.dtype, device=images.device).reshape(-1, 1, 1)
        return torch.where(hole, value, images)

    def _inside(self, middle: Tensor, length: int) -> Tensor:
        first = middle - self.size // 2
        place = torch.arange(length)
        return (place >= first) & (place < first + self.size)
