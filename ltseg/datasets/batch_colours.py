"""Random changes of colour on a whole batch, and the views of SimCLR."""

from collections.abc import Callable

import torch
from torch import Tensor

from ltseg.core.checks import check_range
from ltseg.datasets import image_operations as op
from ltseg.datasets.batch_transforms import BatchRandomFlip, BatchRandomResizedCrop
from ltseg.registry import TRANSFORMS

__all__ = ['BatchColorJitter', 'BatchRandomGrayscale', 'BatchSimAugment']


@TRANSFORMS.register_module()
class BatchColorJitter:
    """Changes brightness, contrast, saturation and hue, in an order drawn for each image.

    Args:
        brightness, contrast, saturation: s; factors are drawn from [max(0, 1 - s), 1 + s].
        hue: h up to 0.5; turns are drawn from [-h, h] of the circle.
        prob: Probability that an image is changed.

    Example:
        >>> import torch
        >>> from ltseg.datasets import BatchColorJitter
        >>> grey = torch.full((100, 3, 2, 2), 100.0)
        >>> jittered = BatchColorJitter(brightness=0.4, contrast=0, saturation=0, hue=0)(grey)[:, 0, 0, 0]
        >>> bool(jittered.min() >= 60), bool(jittered.max() <= 140), len(jittered.unique()) > 50  # 100 (1 ± 0.4)
        (True, True, True)
    """

    def __init__(
        self,
        brightness: float = 0.4,
        contrast: float = 0.4,
        saturation: float = 0.4,
        hue: float = 0.1,
        prob: float = 1.0,
    ) -> None:
        check_range('BatchColorJitter.hue', hue, 0, 0.5)
        check_range('BatchColorJitter.prob', prob, 0, 1)
        factors = {'brightness': brightness, 'contrast': contrast, 'saturation': saturation}
        self.ranges: list[tuple[Callable[[Tensor, Tensor], Tensor], float, float]] = []
        for name, strength in factors.items():
            check_range(f'BatchColorJitter.{name}', strength, 0)
            self.ranges.append((getattr(op, name), max(0.0, 1 - strength), 1 + strength))
        self.ranges.append((op.hue, -hue, hue))
        self.prob = prob

    def __call__(self, images: Tensor) -> Tensor:  # (N, 3, H, W), 0..255 -> the same
        images = images.float().clone()
        changed = torch.rand(len(images)) < self.prob
        order = torch.rand(len(images), len(self.ranges)).argsort(1)  # (N, 4)
        amounts = torch.stack([torch.empty(len(images)).uniform_(low, high) for _, low, high in self.ranges], 1)
        for step in range(len(self.ranges)):
            for index, (operation, _, _) in enumerate(self.ranges):
                rows = (changed & (order[:, step] == index)).nonzero().squeeze(1)
                if len(rows):
                    here = rows.to(images.device)
                    images[here] = operation(images[here], amounts[rows, index].to(images.device))
        return images


@TRANSFORMS.register_module()
class BatchRandomGrayscale:
    """Takes the colour from images.

    Args:
        prob: Probability of each image.

    Example:
        >>> import torch
        >>> from ltseg.datasets import BatchRandomGrayscale
        >>> red = torch.tensor([100.0, 0.0, 0.0]).view(1, 3, 1, 1)
        >>> [round(value, 1) for value in BatchRandomGrayscale(prob=1.0)(red).flatten().tolist()]  # luminance of red
        [29.9, 29.9, 29.9]
    """

    def __init__(self, prob: float = 0.2) -> None:
        check_range('BatchRandomGrayscale.prob', prob, 0, 1)
        self.prob = prob

    def __call__(self, images: Tensor) -> Tensor:  # (N, 3, H, W) -> (N, 3, H, W)
        chosen = (torch.rand(len(images)) < self.prob).to(images.device)
        images = images.float()
        return torch.where(chosen[:, None, None, None], op.grey(images), images)


@TRANSFORMS.register_module()
class BatchSimAugment:
    """SimCLR's augmentation without blur, as long-tail papers use it on CIFAR.

    A resized crop of 0.2 to 1 of the area, a flip, color jitter of 0.4, 0.4, 0.4, 0.1 with probability 0.8, and grey
    with probability 0.2.

    Source: Chen et al., A simple framework for contrastive learning of visual representations, ICML 2020.

    Example:
        >>> import torch
        >>> from ltseg.datasets import BatchSimAugment
        >>> _ = torch.manual_seed(0)
        >>> images = torch.rand(2, 3, 8, 8) * 255
        >>> first, second = BatchSimAugment()(images), BatchSimAugment()(images)  # two views of each image
        >>> first.shape == images.shape, torch.equal(first, second)
        (True, False)
        >>> bool(first.min() >= 0), bool(first.max() <= 255)
        (True, True)
    """

    def __init__(self) -> None:
        jitter = BatchColorJitter(prob=0.8)
        self.steps = (BatchRandomResizedCrop(), BatchRandomFlip(), jitter, BatchRandomGrayscale(0.2))

    def __call__(self, images: Tensor) -> Tensor:  # (N, 3, H, W), 0..255 -> the same
        for step in self.steps:
            images = step(images)
        return images
