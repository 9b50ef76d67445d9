"""Augmentation policies on a whole batch, with choices and amounts drawn for each image."""

from collections.abc import Callable

import torch
from torch import Tensor

from ltseg.core.checks import check_integer, check_range
from ltseg.datasets import image_operations as op
from ltseg.registry import TRANSFORMS

__all__ = ['CIFAR_POLICY', 'OPERATIONS', 'BatchAutoAugment', 'BatchRandAugment']

Operation = Callable[[Tensor, Tensor], Tensor]

# An operation and its amounts at strength 0 and at strength 1. Translation is in shares of the width.
OPERATIONS: dict[str, tuple[Operation, float, float]] = {
    'Identity': (lambda images, amount: images, 0.0, 0.0),
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


@TRANSFORMS.register_module()
class BatchAutoAugment:
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

    def __call__(self, images: Tensor) -> Tensor:  # (N, 3, H, W), 0..255 -> the same
        number = len(images)
        pair = torch.randint(len(CIFAR_POLICY), (number,))
        images = images.float()
        for place in range(2):
            table = [policy[place] for policy in CIFAR_POLICY]
            chosen = torch.tensor([NAMES.index(name) for name, _, _ in table])[pair]
            probability = torch.tensor([share for _, share, _ in table])[pair]
            strength = torch.tensor([ninths / 9 for _, _, ninths in table])[pair]
            chosen = torch.where(torch.rand(number) < probability, chosen, NAMES.index('Identity'))
            images = _operated(images, chosen, strength)
        return images


@TRANSFORMS.register_module()
class BatchRandAugment:
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

    def __call__(self, images: Tensor) -> Tensor:  # (N, 3, H, W), 0..255 -> the same
        images, number = images.float(), len(images)
        for _ in range(self.num_ops):
            chosen = torch.randint(NAMES.index('Invert'), (number,))
            strength = (self.magnitude + self.magnitude_std * torch.randn(number)).clamp(0, 10) / 10
            images = _operated(images, chosen, strength)
        return images


def _operated(images: Tensor, chosen: Tensor, strength: Tensor) -> Tensor:
    """Applies to each image the operation ``NAMES[chosen]`` (N,) with a strength (N,) in 0..1; both on the CPU."""
    images = images.clone()
    signs = torch.randint(2, (len(images),)) * 2 - 1
    for index in chosen.unique().tolist():
        name, rows = NAMES[index], (chosen == index).nonzero().squeeze(1)
        operation, least, most = OPERATIONS[name]
        amount = least + (most - least) * strength[rows]
        if name in SIGNED:
            amount = amount * signs[rows]
        if name in ENHANCEMENTS:
            amount = amount + 1
        if name.startswith('Translate'):
            amount = amount * images.shape[3]
        here = rows.to(images.device)
        images[here] = operation(images[here], amount.to(images.device))
    return images
