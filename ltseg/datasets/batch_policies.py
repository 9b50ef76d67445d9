"""Augmentation policies on a whole batch, with choices and amounts drawn for each image."""

from abc import abstractmethod
from collections.abc import Iterator

import torch
from torch import Tensor

from ltseg.core.batch_transform import BatchTransform, Drawn, Operation, drawn_groups, operated
from ltseg.core.checks import check_integer, check_range
from ltseg.datasets import image_operations as op
from ltseg.registry import TRANSFORMS

__all__ = ['CIFAR_POLICY', 'OPERATIONS', 'BatchAutoAugment', 'BatchRandAugment']

# An operation and its amounts at strength 0 and at strength 1. Translation is in shares of the width.
OPERATIONS: dict[str, tuple[Operation, float, float]] = {
    'Identity': (op.identity, 0.0, 0.0),
    'AutoContrast': (op.autocontrast, 0.0, 0.0),
    'Equalize': (op.equalize, 0.0, 0.0),
    'Posterize': (op.posterize, 8.0, 4.0),
    'Solarize': (op.solarize, 256.0, 0.0),
    'Rotate': (op.rotate, 0.0, 30.0),
    'ShearX': (op.shear_x, 0.0, 0.3),
    'ShearY': (op.shear_y, 0.0, 0.3),
    'TranslateX': (op.translate_x, 0.0, 150 / 331),
    'TranslateY': (op.translate_y, 0.0, 150 / 331),
    'Color': (op.saturation, 0.0, 0.9),
    'Contrast': (op.contrast, 0.0, 0.9),
    'Brightness': (op.brightness, 0.0, 0.9),
    'Sharpness': (op.sharpness, 0.0, 0.9),
    'Invert': (op.invert, 0.0, 0.0),
}
NAMES = tuple(OPERATIONS)
SIGNED = NAMES[5:14]  # amounts are negated at random
ENHANCEMENTS = NAMES[10:14]  # 1 is added to amounts, because 1 changes nothing

# (operation, probability, strength in ninths) twice, for each of the 25 policies that were found on CIFAR-10.
CIFAR_POLICY = (
    (('Invert', 0.1, 0), ('Contrast', 0.2, 6)),
    (('Rotate', 0.7, 2), ('TranslateX', 0.3, 9)),
    (('Sharpness', 0.8, 1), ('Sharpness', 0.9, 3)),
    (('ShearY', 0.5, 8), ('TranslateY', 0.7, 9)),
    (('AutoContrast', 0.5, 0), ('Equalize', 0.9, 0)),
    (('ShearY', 0.2, 7), ('Posterize', 0.3, 7)),
    (('Color', 0.4, 3), ('Brightness', 0.6, 7)),
    (('Sharpness', 0.3, 9), ('Brightness', 0.7, 9)),
    (('Equalize', 0.6, 0), ('Equalize', 0.5, 0)),
    (('Contrast', 0.6, 7), ('Sharpness', 0.6, 5)),
    (('Color', 0.7, 7), ('TranslateX', 0.5, 8)),
    (('Equalize', 0.3, 0), ('AutoContrast', 0.4, 0)),
    (('TranslateY', 0.4, 3), ('Sharpness', 0.2, 6)),
    (('Brightness', 0.9, 6), ('Color', 0.2, 8)),
    (('Solarize', 0.5, 2), ('Invert', 0.0, 0)),
    (('Equalize', 0.2, 0), ('AutoContrast', 0.6, 0)),
    (('Equalize', 0.2, 0), ('Equalize', 0.6, 0)),
    (('Color', 0.9, 9), ('Equalize', 0.6, 0)),
    (('AutoContrast', 0.8, 0), ('Solarize', 0.2, 8)),
    (('Brightness', 0.1, 3), ('Color', 0.7, 0)),
    (('Solarize', 0.4, 5), ('AutoContrast', 0.9, 0)),
    (('TranslateY', 0.9, 9), ('TranslateY', 0.7, 9)),
    (('AutoContrast', 0.9, 0), ('Solarize', 0.8, 3)),
    (('Equalize', 0.8, 0), ('Invert', 0.1, 0)),
    (('TranslateY', 0.7, 9), ('AutoContrast', 0.9, 0)),
)


class _Policy(BatchTransform):
    """Operations one after the other, chosen for each image."""

    @abstractmethod
    def choices(self, number: int) -> Iterator[tuple[Tensor, Tensor]]:
        """For each step, the operation ``NAMES[k]`` of each image, (N,) int64, and its strength (N,) in 0..1."""

    def draw(self, shape: torch.Size) -> Drawn:
        steps = [
            drawn_groups(chosen, _amounts(chosen, strength, shape[3]), len(NAMES))
            for chosen, strength in self.choices(shape[0])
        ]
        return Drawn(torch.cat([step.numbers for step in steps]), [step.plan for step in steps])

    def apply(self, images: Tensor, drawn: Drawn) -> Tensor:
        images = images.float()
        for numbers, plan in zip(drawn.numbers.chunk(len(drawn.plan)), drawn.plan, strict=True):
            images = operated(images, Drawn(numbers, plan), [operation for operation, _, _ in OPERATIONS.values()])
        return images


def _amounts(chosen: Tensor, strength: Tensor, width: int) -> Tensor:
    """The amount of each image's operation ``NAMES[chosen]`` (N,) at a strength (N,) in 0..1."""
    signs = torch.randint(2, chosen.shape) * 2 - 1
    amounts = torch.zeros_like(strength)
    for index, (name, (_, least, most)) in enumerate(OPERATIONS.items()):
        amount = least + (most - least) * strength
        if name in SIGNED:
            amount = amount * signs
        if name in ENHANCEMENTS:
            amount = amount + 1
        if name.startswith('Translate'):
            amount = amount * width
        amounts = torch.where(chosen == index, amount, amounts)
    return amounts


@TRANSFORMS.register_module()
class BatchAutoAugment(_Policy):
    """The AutoAugment policy for CIFAR: one of 25 pairs of operations for each image.

    Differs from the authors' pipeline in that values are not rounded between the two operations.

    Source: Cubuk et al., AutoAugment: Learning augmentation strategies from data, CVPR 2019, Table 7.

    Example:
        >>> import torch
        >>> from ltseg.datasets import BatchAutoAugment
        >>> _ = torch.manual_seed(0)
        >>> image = torch.rand(1, 3, 8, 8) * 255
        >>> augmented = BatchAutoAugment()(image.expand(50, -1, -1, -1))
        >>> len({tuple(each.flatten().tolist()) for each in augmented}) > 10  # each image has a policy of its own
        True
    """

    def choices(self, number: int) -> Iterator[tuple[Tensor, Tensor]]:
        pair = torch.randint(len(CIFAR_POLICY), (number,))
        for place in range(2):
            table = [policy[place] for policy in CIFAR_POLICY]
            chosen = torch.tensor([NAMES.index(name) for name, _, _ in table])[pair]
            probability = torch.tensor([share for _, share, _ in table])[pair]
            strength = torch.tensor([ninths / 9 for _, _, ninths in table])[pair]
            yield torch.where(torch.rand(number) < probability, chosen, NAMES.index('Identity')), strength


@TRANSFORMS.register_module()
class BatchRandAugment(_Policy):
    """RandAugment: ``num_ops`` of 14 operations one after the other for each image, all of one strength.

    Args:
        num_ops: Operations for each image.
        magnitude: Strength, 0..10.
        magnitude_std: Standard deviation of a normal distribution that strengths are drawn from, and then cut to 0..10.

    Source:
        Cubuk et al., RandAugment: Practical automated data augmentation with a reduced search space, NeurIPS 2020. The
        strengths are those of AutoAugment. The long-tail papers' "n2, m10, mstd0.5" names timm's version, which also
        inverts, applies each operation with probability 1/2 and lets some strengths fall as m rises.

    Example:
        >>> import torch
        >>> from ltseg.datasets import BatchRandAugment
        >>> _ = torch.manual_seed(0)
        >>> image = torch.rand(1, 3, 8, 8) * 255
        >>> augmented = BatchRandAugment()(image.expand(50, -1, -1, -1))
        >>> len({tuple(each.flatten().tolist()) for each in augmented}) > 10  # each image has operations of its own
        True
    """

    def __init__(self, num_ops: int = 2, magnitude: float = 10.0, magnitude_std: float = 0.5) -> None:
        check_integer('BatchRandAugment.num_ops', num_ops, 1)
        check_range('BatchRandAugment.magnitude', magnitude, 0, 10)
        check_range('BatchRandAugment.magnitude_std', magnitude_std, 0)
        self.num_ops, self.magnitude, self.magnitude_std = num_ops, magnitude, magnitude_std

    def choices(self, number: int) -> Iterator[tuple[Tensor, Tensor]]:
        for _ in range(self.num_ops):
            chosen = torch.randint(NAMES.index('Invert'), (number,))
            yield chosen, (self.magnitude + self.magnitude_std * torch.randn(number)).clamp(0, 10) / 10
