"""Classifiers that take the place of a head's last 1x1 convolution."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ltseg.core.checks import check_positive
from ltseg.core.geometry import simplex_vectors
from ltseg.registry import MODELS

__all__ = ['CosineClassifier', 'ETFClassifier', 'simplex_vectors']


@MODELS.register_module()
class CosineClassifier(nn.Module):
    """Cosines of features and class vectors, times a scale: ``z_k = scale * w_k . h / (|w_k| |h|)``, without bias.

    Args:
        in_channels: D.
        num_classes: K.
        scale: Factor of the cosines. LDAM wants 1 and has a scale of its own.

    Shapes: (N, D, H, W) -> (N, K, H, W). The weight has the shape of the convolution that it replaces.
    """

    def __init__(self, in_channels: int, num_classes: int, scale: float = 1.0) -> None:
        super().__init__()
        check_positive('CosineClassifier.scale', scale)
        self.scale = scale
        self.weight = nn.Parameter(torch.empty(num_classes, in_channels, 1, 1))
        nn.init.kaiming_normal_(self.weight)

    def forward(self, features: Tensor) -> Tensor:
        with torch.autocast(features.device.type, enabled=False):
            features = features if features.dtype == torch.float64 else features.float()
            return F.conv2d(F.normalize(features), F.normalize(self.weight.to(features.dtype))) * self.scale


@MODELS.register_module()
class ETFClassifier(nn.Module):
    """A fixed classifier whose vectors form a simplex; features go through a batch normalisation first.

    Args:
        in_channels: D, at least K - 1.
        num_classes: K.
        seed: Of the orientation. The vectors are also saved with the model.

    Shapes: (N, D, H, W) -> (N, K, H, W).

    Source:
        Yang et al., Inducing Neural Collapse in Imbalanced Learning, NeurIPS 2022, section 3.2; the batch
        normalisation is its released code's.
    """

    def __init__(self, in_channels: int, num_classes: int, seed: int = 0) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(in_channels)
        vectors = simplex_vectors(num_classes, in_channels, torch.Generator().manual_seed(seed))
        # Not called weight: the host's heads initialise what is called so.
        self.register_buffer('vectors', vectors.float()[..., None, None])
        self.vectors: Tensor
        self.feature_norm: Tensor | None = None

    def forward(self, features: Tensor) -> Tensor:
        features = self.norm(features)
        # For the dot-regression loss, which the head computes right after this call.
        self.feature_norm = features.detach().norm(dim=1) if self.training else None
        return F.conv2d(features, self.vectors)
