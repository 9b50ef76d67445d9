"""A model whose backbone has run before: its maps, or vectors, are the input."""

from typing import Any

import torch
from mmengine.model import BaseDataPreprocessor, BaseModule
from torch import Tensor

from ltseg.core.checks import check_choice
from ltseg.registry import MODELS

__all__ = ['FeaturePreprocessor', 'GivenFeatures']


@MODELS.register_module()
class GivenFeatures(BaseModule):
    """In the place of a backbone: hands on the maps that it is given, or one tensor of vectors as the only level.

    Example:
        >>> import torch
        >>> from ltseg.models import GivenFeatures
        >>> maps = (torch.zeros(1, 8, 4, 4), torch.zeros(1, 16, 2, 2))
        >>> GivenFeatures()(maps) is maps
        True
        >>> len(GivenFeatures()(torch.zeros(5, 64)))
        1
    """

    def forward(self, features: tuple[Tensor, ...] | Tensor) -> tuple[Tensor, ...]:
        return (features,) if isinstance(features, Tensor) else features


@MODELS.register_module()
class FeaturePreprocessor(BaseDataPreprocessor):
    """Makes batches of maps, in the channels-last layout.

    Args:
        training_dtype: Of maps in training: 'float32', or 'bfloat16' where training runs under autocast to it anyway.
            Maps that are evaluated are float32.

    Shapes: for each of L levels a list of N maps (C, H, W) -> a tuple of L maps (N, C, H, W).

    Example:
        >>> import torch
        >>> from ltseg.models import FeaturePreprocessor
        >>> batch = {'inputs': [[torch.zeros(8, 4, 4, dtype=torch.bfloat16)] * 2], 'data_samples': [None, None]}
        >>> (maps,) = FeaturePreprocessor()(batch)['inputs']
        >>> tuple(maps.shape), maps.dtype
        ((2, 8, 4, 4), torch.float32)
    """

    def __init__(self, training_dtype: str = 'float32') -> None:
        super().__init__()
        check_choice('FeaturePreprocessor.training_dtype', training_dtype, ('float32', 'bfloat16'))
        self.training_dtype = getattr(torch, training_dtype)

    def forward(self, data: dict[str, Any], training: bool = False) -> dict[str, Any]:
        data = self.cast_data(data)
        dtype = self.training_dtype if training else torch.float32
        batches = (torch.stack([each.permute(1, 2, 0) for each in level]) for level in data['inputs'])
        return {**data, 'inputs': tuple(batch.permute(0, 3, 1, 2).to(dtype) for batch in batches)}
