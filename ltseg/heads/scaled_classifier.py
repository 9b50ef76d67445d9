"""Linear classifiers with a few further weights, which a second stage learns on a frozen first one."""

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ltseg.core.layout import per_class
from ltseg.registry import MODELS

__all__ = ['AdaptedClassifier', 'LearnableScaleClassifier']


class AdaptedClassifier(nn.Module, ABC):
    """A linear layer with the keys of the head's own, ``weight`` and ``bias``, so that a first stage's weights load.

    Args:
        in_channels: D.
        num_classes: K.
        spatial_dims: 2 for maps, 0 for vectors.

    Shapes: (N, D, H, W) -> (N, K, H, W), or (N, D) -> (N, K).

    Example:
        >>> import torch
        >>> from ltseg.heads.scaled_classifier import AdaptedClassifier
        >>> class Halved(AdaptedClassifier):
        ...     def adapted(self, logits, features):
        ...         return logits / 2
        >>> classifier = Halved(in_channels=2, num_classes=2, spatial_dims=0)
        >>> _ = classifier.load_state_dict({'weight': torch.eye(2), 'bias': torch.zeros(2)})  # of a first stage
        >>> classifier(torch.tensor([[4.0, 2.0]])).tolist()
        [[2.0, 1.0]]
    """

    def __init__(self, in_channels: int, num_classes: int, spatial_dims: int = 2) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(num_classes, in_channels, *[1] * spatial_dims))
        self.bias = nn.Parameter(torch.zeros(num_classes))
        nn.init.normal_(self.weight, std=0.01)

    @property
    def class_vectors(self) -> Tensor:
        """The class vectors (K, D) of the linear layer, with their gradient."""
        return self.weight.flatten(1)

    def forward(self, features: Tensor) -> Tensor:
        linear = F.linear if features.ndim == 2 else F.conv2d
        return self.adapted(linear(features, self.weight, self.bias), features)

    @abstractmethod
    def adapted(self, logits: Tensor, features: Tensor) -> Tensor:
        """The logits (N, K, *) that take the place of those of the linear layer."""


@MODELS.register_module()
class LearnableScaleClassifier(AdaptedClassifier):
    """A factor for each class's logit, 1 at first: ``z_k = s_k (w_k . h + b_k)`` (learnable weight scaling, LWS).

    LWS trains ``scale`` alone, MiSLAS the linear layer too, at a lower learning rate.

    Source:
        Kang et al., Decoupling Representation and Classifier for Long-Tailed Recognition, ICLR 2020, section 4; the
        bias, which the released code scales too, is not in the paper.

    Example:
        >>> import torch
        >>> from ltseg.heads import LearnableScaleClassifier
        >>> classifier = LearnableScaleClassifier(in_channels=2, num_classes=2, spatial_dims=0)
        >>> features = torch.ones(1, 2)
        >>> _ = classifier.load_state_dict({'weight': torch.eye(2)}, strict=False)  # of a first stage
        >>> classifier(features).tolist()
        [[1.0, 1.0]]
        >>> classifier.scale.data[1] = 3.0  # what the second stage learns
        >>> classifier(features).tolist()
        [[1.0, 3.0]]
    """

    short_name = 'learnable scale'

    def __init__(self, in_channels: int, num_classes: int, spatial_dims: int = 2) -> None:
        super().__init__(in_channels, num_classes, spatial_dims)
        self.scale = nn.Parameter(torch.ones(num_classes))

    def adapted(self, logits: Tensor, features: Tensor) -> Tensor:
        return logits * per_class(self.scale, logits)
