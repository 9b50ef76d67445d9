"""Pre-training without labels: how far an image was turned."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ltseg.core.errors import InvalidValueError
from ltseg.core.extension import Extension
from ltseg.registry import MODELS

__all__ = ['RotationClassifier', 'turned']


def turned(images: Tensor) -> tuple[Tensor, Tensor]:
    """Images turned by 0, 90, 180 and 270 degrees in turn, and which.

    Args:
        images: (N, C, H, W) with H = W.

    Returns:
        (N, C, H, W) of the same images, and the number of quarter turns of each, (N,) int64.

    Raises:
        ValueError: If they are not square.

    Example:
        >>> import torch
        >>> from ltseg.models.rotation_classifier import turned
        >>> images, quarters = turned(torch.arange(4).view(1, 1, 2, 2).repeat(2, 1, 1, 1))
        >>> images[1, 0].tolist(), quarters.tolist()
        ([[1, 3], [0, 2]], [0, 1])
    """
    if images.shape[2] != images.shape[3]:
        hint = 'Crop or resize them to squares.'
        raise InvalidValueError('RotationClassifier', 'square images', f'{tuple(images.shape[2:])}', hint)
    quarters = torch.arange(len(images), device=images.device) % 4
    result = images.clone()
    for number in range(1, 4):
        result[number::4] = torch.rot90(images[number::4], number, (2, 3))
    return result, quarters


@MODELS.register_module()
class RotationClassifier(Extension):
    """MMPretrain's ``ImageClassifier`` that learns by which of four angles an image was turned, and no label.

    It is the first stage of self-supervised pre-training (SSP); the next one loads backbone and neck. The images of a
    batch are turned in turn, so that each angle is as frequent as any; which image is turned how is up to the sampler,
    which shuffles. The head stays as it was made.

    Source:
        Yang and Xu, Rethinking the Value of Labels for Improving Class-Imbalanced Learning, NeurIPS 2020, section 4.2,
        with the rotations of Gidaris et al., Unsupervised Representation Learning by Predicting Image Rotations, ICLR
        2018. Released code draws a permutation of angles for each batch.

    Example:
        >>> import torch
        >>> from ltseg.models import RotationClassifier
        >>> model = RotationClassifier(
        ...     backbone=dict(type='ltseg.CIFARResNet', depth=20, base_channels=2),
        ...     neck=dict(type='mmpretrain.GlobalAveragePooling'),
        ...     head=dict(type='mmpretrain.LinearClsHead', in_channels=8, num_classes=3),
        ...     data_preprocessor=dict(type='mmpretrain.ClsDataPreprocessor'))
        >>> _ = model.rotations.weight.data.zero_(), model.rotations.bias.data.zero_()
        >>> round(model.loss(torch.rand(8, 3, 8, 8), [])['loss'].item(), 4)  # log 4
        1.3863
        >>> [name for name, value in model.head.named_parameters() if value.requires_grad]
        []
    """

    short_name = 'rotations'

    head: Any
    extract_feat: Any

    @classmethod
    def base_class(cls, *args: Any, **kwargs: Any) -> type:
        """MMPretrain's class."""
        from mmpretrain.models import ImageClassifier

        return ImageClassifier

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.rotations = nn.Linear(self.head.in_channels, 4)
        self.head.requires_grad_(False)  # DistributedDataParallel would wait for its gradient

    def loss(self, inputs: Tensor, data_samples: list) -> dict[str, Tensor]:
        """The cross entropy of the four angles."""
        images, quarters = turned(inputs)
        return {'loss': F.cross_entropy(self.rotations(self.extract_feat(images, stage='pre_logits')), quarters)}
