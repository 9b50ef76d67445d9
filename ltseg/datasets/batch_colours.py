"""Random changes of colour on a whole batch, and the views of SimCLR."""

import torch
from torch import Tensor

from ltseg.core.batch_transform import BatchSequence, BatchTransform, Drawn, Operation, drawn_groups, operated
from ltseg.core.checks import check_range
from ltseg.datasets import image_operations as op
from ltseg.datasets.batch_transforms import BatchRandomFlip, BatchRandomResizedCrop
from ltseg.registry import TRANSFORMS

__all__ = ['BatchColorJitter', 'BatchRandomGrayscale', 'BatchSimAugment']


@TRANSFORMS.register_module()
class BatchColorJitter(BatchTransform):
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
        self.ranges: list[tuple[Operation, float, float]] = []
        for name, strength in factors.items():
            check_range(f'BatchColorJitter.{name}', strength, 0)
            self.ranges.append((getattr(op, name), max(0.0, 1 - strength), 1 + strength))
        self.ranges.append((op.hue, -hue, hue))
        self.prob = prob

    def draw(self, shape: torch.Size) -> Drawn:
        number, operations = shape[0], len(self.ranges)
        changed = torch.rand(number) < self.prob
        order = torch.rand(number, operations).argsort(1).masked_fill(~changed[:, None], operations)  # (N, 4)
        amounts = [torch.empty(number).uniform_(low, high) for _, low, high in self.ranges]
        table = torch.stack([*amounts, torch.zeros(number)])  # (5, N)
        steps = [drawn_groups(chosen, table[chosen, torch.arange(number)], operations + 1) for chosen in order.T]
        return Drawn(torch.cat([step.numbers for step in steps]), [step.plan for step in steps])

    def apply(self, images: Tensor, drawn: Drawn) -> Tensor:
        images = images.float()
        operations = [*(operation for operation, _, _ in self.ranges), op.identity]
        for numbers, plan in zip(drawn.numbers.chunk(len(drawn.plan)), drawn.plan, strict=True):
            images = operated(images, Drawn(numbers, plan), operations)
        return images


@TRANSFORMS.register_module()
class BatchRandomGrayscale(BatchTransform):
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

    def draw(self, shape: torch.Size) -> Drawn:
        return Drawn((torch.rand(1, shape[0]) < self.prob).float())

    def apply(self, images: Tensor, drawn: Drawn) -> Tensor:
        images = images.float()
        return torch.where(drawn.numbers[0, :, None, None, None] > 0, op.grey(images), images)


@TRANSFORMS.register_module()
class BatchSimAugment(BatchSequence):
    """SimCLR's augmentation without blur, as long-tail papers use it on CIFAR.

    A resized crop of 0.2 to 1 of the area, a flip, color jitter of 0.4, 0.4, 0.4, 0.1 with probability 0.8, and grey
    with probability 0.2.

    Source: Chen et al., A simple framework for contrastive learning of visual representations, ICML 2020, which blurs
    images of 224 pixels, too. The released code of BCL has no blur for these either.

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
        super().__init__([BatchRandomResizedCrop(), BatchRandomFlip(), jitter, BatchRandomGrayscale(0.2)])
