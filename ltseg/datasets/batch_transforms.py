"""Augmentation of a whole batch of images as one tensor, with parameters drawn for each image."""

import math
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from ltseg.core.batch_transform import BatchTransform, Drawn
from ltseg.core.checks import check_integer, check_range
from ltseg.core.errors import InvalidValueError
from ltseg.datasets.image_operations import crop_and_resize
from ltseg.registry import TRANSFORMS

__all__ = ['BatchCutout', 'BatchRandomCrop', 'BatchRandomFlip', 'BatchRandomResizedCrop']


@TRANSFORMS.register_module()
class BatchRandomCrop(BatchTransform):
    """Pads each image with zeros and cuts a place at random out of it, of the old size.

    Args:
        padding: Pixels on each side.

    Example:
        >>> import torch
        >>> from ltseg.datasets import BatchRandomCrop
        >>> images = torch.ones(100, 1, 4, 4)
        >>> cropped = BatchRandomCrop(padding=1)(images)
        >>> cropped.shape == images.shape
        True
        >>> sorted(set(cropped.flatten(1).sum(1).tolist()))  # moved by one pixel in both directions, in one, or in none
        [9.0, 12.0, 16.0]
    """

    def __init__(self, padding: int = 4) -> None:
        check_integer('BatchRandomCrop.padding', padding, 1)
        self.padding = padding

    def draw(self, shape: torch.Size) -> Drawn:
        return Drawn(torch.randint(2 * self.padding + 1, (2, shape[0])).float())

    def apply(self, images: Tensor, drawn: Drawn) -> Tensor:
        number, _, height, width = images.shape
        top, left = drawn.numbers.long()
        places = F.pad(images, [self.padding] * 4).unfold(2, height, 1).unfold(3, width, 1)  # a view of every crop
        return places[torch.arange(number, device=images.device), :, top, left]


@TRANSFORMS.register_module()
class BatchRandomFlip(BatchTransform):
    """Mirrors images left to right.

    Args:
        prob: Probability of each image.

    Example:
        >>> import torch
        >>> from ltseg.datasets import BatchRandomFlip
        >>> BatchRandomFlip(prob=1.0)(torch.arange(3).view(1, 1, 1, 3)).flatten().tolist()
        [2, 1, 0]
    """

    def __init__(self, prob: float = 0.5) -> None:
        check_range('BatchRandomFlip.prob', prob, 0, 1)
        self.prob = prob

    def draw(self, shape: torch.Size) -> Drawn:
        return Drawn((torch.rand(1, shape[0]) < self.prob).float())

    def apply(self, images: Tensor, drawn: Drawn) -> Tensor:
        return torch.where(drawn.numbers[0, :, None, None, None] > 0, images.flip(-1), images)


@TRANSFORMS.register_module()
class BatchCutout(BatchTransform):
    """Blanks a square at a place drawn for each image; the part of it outside of the image is lost.

    Args:
        size: Side of the square in pixels.
        value: What it is filled with, one number or one for each channel, in the range of the images (0..255).

    Source: DeVries, Taylor, Improved regularization of convolutional neural networks with cutout, 2017.

    Example:
        >>> import torch
        >>> from ltseg.datasets import BatchCutout
        >>> blanked = (BatchCutout(size=2)(torch.ones(2000, 1, 8, 8)) == 0).flatten(1).sum(1)
        >>> sorted(set(blanked.tolist()))  # 2 x 2 pixels, fewer at the border
        [1, 2, 4]
    """

    def __init__(self, size: int = 16, value: Any = 0.0) -> None:
        check_integer('BatchCutout.size', size, 1)
        self.size, self.values = size, list(value) if isinstance(value, list | tuple) else [value]

    def draw(self, shape: torch.Size) -> Drawn:
        return Drawn(torch.stack([torch.randint(length, shape[:1]) for length in shape[2:]]).float())

    def apply(self, images: Tensor, drawn: Drawn) -> Tensor:
        row, column = drawn.numbers
        rows, columns = self._inside(row, images.shape[2]), self._inside(column, images.shape[3])  # (N, H), (N, W)
        hole = rows[:, :, None] & columns[:, None, :]
        if len(self.values) == 1:
            return images.masked_fill(hole.unsqueeze(1), self.values[0])
        channels = zip(images.unbind(1), self.values, strict=True)
        return torch.stack([channel.masked_fill(hole, value) for channel, value in channels], 1)

    def _inside(self, middle: Tensor, length: int) -> Tensor:
        first = middle[:, None] - self.size // 2
        place = torch.arange(length, device=middle.device)
        return (place >= first) & (place < first + self.size)


@TRANSFORMS.register_module()
class BatchRandomResizedCrop(BatchTransform):
    """Cuts a part of random size and shape out of each image and enlarges it to the old size.

    Args:
        scale: Range of the part's share of the area.
        ratio: Range of its width over its height; its logarithm is drawn evenly.

    Source: Szegedy et al., Going deeper with convolutions, CVPR 2015; ten attempts are made, then the image is kept.

    Example:
        >>> import torch
        >>> from ltseg.datasets import BatchRandomResizedCrop
        >>> columns = torch.arange(8.0).expand(50, 3, 8, 8)  # brighter to the right
        >>> cropped = BatchRandomResizedCrop(scale=(0.2, 0.5))(columns)
        >>> cropped.shape == columns.shape
        True
        >>> spans = cropped.amax((1, 2, 3)) - cropped.amin((1, 2, 3))
        >>> (spans < 7).all().item()  # each image shows a part of what there was
        True
    """

    def __init__(self, scale: tuple[float, float] = (0.2, 1.0), ratio: tuple[float, float] = (3 / 4, 4 / 3)) -> None:
        for name, (low, high) in (('scale', scale), ('ratio', ratio)):
            if not 0 < low <= high or (name == 'scale' and high > 1):
                raise InvalidValueError(
                    f'BatchRandomResizedCrop.{name}', 'a range (low, high) above 0', repr((low, high))
                )
        self.scale, self.ratio = scale, ratio

    def draw(self, shape: torch.Size) -> Drawn:
        number, _, height, width = shape
        area = height * width * torch.empty(number, 10).uniform_(*self.scale)
        ratio = torch.empty(number, 10).uniform_(*map(math.log, self.ratio)).exp()
        wide, high = (area * ratio).sqrt().round(), (area / ratio).sqrt().round()
        fits = (wide >= 1) & (wide <= width) & (high >= 1) & (high <= height)
        first = fits.int().argmax(1, keepdim=True)
        found = fits.any(1)
        wide = torch.where(found, wide.gather(1, first).squeeze(1), width)
        high = torch.where(found, high.gather(1, first).squeeze(1), height)
        top = (torch.rand(number) * (height - high + 1)).floor()
        left = (torch.rand(number) * (width - wide + 1)).floor()
        return Drawn(torch.stack([top, left, high, wide]))

    def apply(self, images: Tensor, drawn: Drawn) -> Tensor:
        return crop_and_resize(images.float(), *drawn.numbers)
